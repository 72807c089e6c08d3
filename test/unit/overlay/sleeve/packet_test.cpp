#include <catch2/catch.hpp>

#include "base/hex.hpp"
#include "overlay/sleeve/packet.hpp"
#include "unit/vectors.hpp"

using namespace weave;
using namespace weave::overlay;
using nlohmann::json;

namespace {

PeerName bare_name(const json& text) {
  PeerName name;
  for (uint8_t byte : test::unhex(text)) name.value = name.value << 8 | byte;
  return name;
}

void check_records(ByteView records, const json& frames) {
  auto decoded = decode_records(records);
  CHECK(decoded.error.empty());
  REQUIRE(decoded.records.size() == frames.size());
  for (size_t i = 0; i < frames.size(); ++i) {
    CHECK(decoded.records[i].source == bare_name(frames[i].at("src_peer")));
    CHECK(decoded.records[i].destination == bare_name(frames[i].at("dst_peer")));
    CHECK(to_hex(decoded.records[i].frame) == frames[i].at("frame").get<std::string>());
  }
}

Bytes records_of(const json& frames) {
  Writer out;
  for (const auto& frame : frames)
    append_record(out, bare_name(frame.at("src_peer")), bare_name(frame.at("dst_peer")),
                  test::unhex(frame.at("frame")));
  return out.take();
}

}  // namespace

TEST_CASE("plain packets equal those of Weave Net") {
  size_t checked = 0;
  auto vectors = test::vectors("overlay/sleeve-plain.json");
  for (const auto& c : vectors.at("cases")) {
    INFO(c.at("name"));
    if (!c.at("udp_payload").is_string()) continue;  // 60 KB of zeros: the tests of Sleeve
    auto packet = test::unhex(c.at("udp_payload"));
    CHECK(sleeve_sender(packet) == bare_name(c.at("sender")));
    check_records(ByteView(packet).subspan(kSleeveNameSize), c.at("frames"));
    SleeveSealer sealer(bare_name(c.at("sender")), {}, true);
    CHECK(sealer.seal(records_of(c.at("frames")), true) == packet);
    ++checked;
  }
  CHECK(checked == 7);
}

TEST_CASE("frames before a damaged record of a packet are decoded") {
  auto vectors = test::vectors("overlay/sleeve-plain.json");
  for (const auto& c : vectors.at("decode_edge_cases")) {
    INFO(c.at("name"));
    auto packet = test::unhex(c.at("udp_payload"));
    if (packet.size() < kSleeveNameSize) {
      CHECK_FALSE(sleeve_sender(packet));
      continue;
    }
    auto decoded = decode_records(ByteView(packet).subspan(kSleeveNameSize));
    CHECK(decoded.records.size() == c.at("frames_delivered_before_error").get<size_t>());
    bool refused = c.contains("reference_error") && c.at("reference_error").is_string() &&
                   !c.at("reference_error").get<std::string>().empty();
    CHECK(decoded.error.empty() != refused);
  }
}

TEST_CASE("encrypted packets equal those of Weave Net") {
  auto vectors = test::vectors("overlay/sleeve-encrypted.json");
  REQUIRE(vectors.at("cases").size() == 32);
  for (const auto& c : vectors.at("cases")) {
    auto packet = test::unhex(c.at("udp_payload"));
    Secret key(test::unhex(c.at("session_key")));
    bool initiator = c.at("sender_is_initiator").get<bool>();
    uint64_t sequence = Reader(ByteView(packet).subspan(kSleeveNameSize)).u64() & ~(uint64_t{1} << 63);
    CHECK(seal_sleeve(bare_name(c.at("sender")), records_of(c.at("frames")), sequence, c.at("df").get<bool>(), key,
                      initiator) == packet);
    SleeveOpener opener(key, !initiator);
    auto opened = opener.open(packet);
    REQUIRE(opened);
    REQUIRE(*opened);
    check_records(**opened, c.at("frames"));
    CHECK_FALSE(*opener.open(packet));  // the second time it is a replay
    CHECK_FALSE(SleeveOpener(key, initiator).open(packet));
    for (size_t at : {kSleeveNameSize, packet.size() - 1}) {
      auto damaged = packet;
      damaged[at] ^= 1;
      CHECK_FALSE(SleeveOpener(key, !initiator).open(damaged));
    }
  }
}

TEST_CASE("packets recorded between Weave Net routers are decrypted") {
  size_t opened = 0;
  std::map<std::string, std::unique_ptr<SleeveOpener>> openers;
  auto vectors = test::vectors("overlay/live-sleeve-encrypted.json");
  for (const auto& p : vectors.at("packets")) {
    if (!p.at("udp_payload").is_string()) continue;
    auto key = p.at("session_key").get<std::string>();
    bool initiator = p.at("sender_is_initiator").get<bool>();
    auto& opener = openers[key + (initiator ? "i" : "a")];
    if (!opener) opener = std::make_unique<SleeveOpener>(Secret(*from_hex(key)), !initiator);
    auto records = opener->open(test::unhex(p.at("udp_payload")));
    REQUIRE(records);
    REQUIRE(*records);
    CHECK(decode_records(**records).records.size() == p.at("frames").size());
    ++opened;
  }
  CHECK(opened >= 8);
}

TEST_CASE("packets that are not authentic are refused with Weave Net's reasons") {
  auto vectors = test::vectors("overlay/sleeve-replay.json");
  Secret key(size_t{32});
  for (const auto& c : vectors.at("decode_errors")) {
    auto packet = Bytes(kSleeveNameSize);
    auto rest = test::unhex(c.at("after_sender_name"));
    packet.insert(packet.end(), rest.begin(), rest.end());
    auto opened = SleeveOpener(key, true).open(packet);
    REQUIRE_FALSE(opened);
    CHECK("Failed to decode packet: " + opened.error() == c.at("reference_error").get<std::string>());
  }
  CHECK_FALSE(SleeveOpener(key, true).open(Bytes(5)));
}

TEST_CASE("the replay window accepts the same packets as that of Weave Net") {
  auto vectors = test::vectors("overlay/sleeve-replay.json");
  for (const auto& c : vectors.at("cases")) {
    INFO(c.at("name"));
    ReplayWindow window;
    for (const auto& step : c.at("steps")) {
      INFO(step.at("seq"));
      CHECK(window.accept(std::stoull(step.at("seq").get<std::string>())) == step.at("accept").get<bool>());
    }
  }
}
