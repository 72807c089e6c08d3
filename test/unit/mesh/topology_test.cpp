#include "mesh/topology.hpp"

#include <catch2/catch.hpp>

#include "mesh/envelope.hpp"
#include "vectors.hpp"

using namespace weave;
using namespace weave::mesh;

namespace {

Bytes encode(const std::vector<Peer>& list, int64_t first_id) {
  std::vector<const Peer*> pointers;
  for (const auto& p : list) pointers.push_back(&p);
  return encode_topology(pointers, first_id);
}

// Damaged text may not be UTF-8, which the vectors can't say.
std::string as_json_has_it(const std::string& text) {
  return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

TEST_CASE("topology payloads equal those of Weave Net") {
  for (auto [file, first_id] : {std::pair{"topology.json", 65}, {"topology-other-type-ids.json", 71}}) {
    auto cases = vectors(std::string("mesh/") + file, "cases");
    REQUIRE(cases.size() == 13);
    for (const auto& c : cases) {
      INFO(file << ": " << c.at("name"));
      auto bytes = unhex(c.at("payload_hex"));
      auto expected = peers(c.at("peers"));
      CHECK(to_hex(encode(expected, first_id)) == to_hex(bytes));
      auto decoded = decode_topology(bytes);
      INFO(reason(decoded));
      REQUIRE(decoded);
      // A peer that calls itself 00:00:00:00:00:00 is nobody to us.
      std::erase_if(expected, [](const Peer& p) { return p.name.value == 0; });
      CHECK(*decoded == expected);
    }
  }
}

TEST_CASE("odd and damaged topology payloads are accepted and refused as by Weave Net") {
  auto cases = vectors("mesh/decode-verdicts.json", "cases");
  REQUIRE(cases.size() == 128);
  size_t stricter = 0;
  for (const auto& c : cases) {
    auto name = c.at("name").get<std::string>();
    INFO(name);
    auto decoded = decode_topology(unhex(c.at("hex")));
    INFO(reason(decoded));
    bool accepted = c.at("accepted_by_reference").get<bool>();
    if (name == "same, nested 3000 deep") {  // a stack is finite
      CHECK_FALSE(decoded);
      ++stricter;
      continue;
    }
    REQUIRE(decoded.has_value() == accepted);
    if (!accepted) continue;
    // Names that aren't six bytes: Weave Net makes a number of them, we leave the peer out.
    bool odd_name = name == "name of 8 bytes" || name == "name of 5 bytes" || name == "name missing" ||
                    name == "struct without fields";
    if (odd_name || name.starts_with("slice of an empty struct")) {
      CHECK(decoded->size() <= 1);
      continue;
    }
    if (name == "duplicate connection to the same peer") {
      REQUIRE(decoded->size() == 1);
      REQUIRE(decoded->front().links.size() == 1);
      CHECK(decoded->front().links.front() == peers(c.at("peers")).front().links.back());
      continue;
    }
    auto expected = peers(c.at("peers"));
    for (auto& p : *decoded) {
      p.nickname = as_json_has_it(p.nickname);
      for (auto& l : p.links) l.address = as_json_has_it(l.address);
    }
    CHECK(*decoded == expected);
  }
  CHECK(stricter == 1);
}

TEST_CASE("envelopes of messages equal those of Weave Net") {
  for (const auto& c : vectors("mesh/envelopes.json", "cases")) {
    INFO(c.at("message_hex").get<std::string>().substr(0, 60));
    auto kind = c.at("kind").get<std::string>();
    auto tag = kind == "gossip" ? Tag::kGossip : kind == "unicast" ? Tag::kUnicast : Tag::kBroadcast;
    auto channel = c.at("channel").get<std::string>();
    auto data = unhex(c.at("payload_hex"));
    Envelope envelope{channel, peer_name(c.at("src")), {}, data};
    if (c.contains("dst")) envelope.destination = peer_name(c.at("dst"));
    auto bytes = unhex(c.at("message_hex"));
    CHECK(to_hex(encode_envelope(tag, envelope)) == to_hex(bytes));
    auto decoded = decode_envelope(tag, ByteView(bytes).subspan(1));
    REQUIRE(decoded);
    CHECK(decoded->channel == channel);
    CHECK(decoded->source == envelope.source);
    CHECK(decoded->destination == envelope.destination);
    CHECK(Bytes(decoded->data.begin(), decoded->data.end()) == data);
    for (size_t cut = 1; cut < std::min<size_t>(bytes.size(), 40); ++cut)
      CHECK_FALSE(decode_envelope(tag, ByteView(bytes).subspan(1, cut - 1)));
  }
}

TEST_CASE("recorded topology gossip is decoded and encoded in the same length") {
  size_t seen = 0;
  for (const auto& e : vectors("mesh/live-three-peers.json", "events")) {
    if (e.at("what") != "Gossip" && e.at("what") != "Broadcast") continue;
    auto message = unhex(e.at("message_hex"));
    auto tag = static_cast<Tag>(message.front());
    auto envelope = decode_envelope(tag, ByteView(message).subspan(1));
    REQUIRE(envelope);
    CHECK(encode_envelope(tag, *envelope) == message);
    if (envelope->channel != "topology") continue;
    auto decoded = decode_topology(envelope->data);
    REQUIRE(decoded);
    CHECK(encode(*decoded, 65).size() <= envelope->data.size());
    CHECK(decode_topology(encode(*decoded, 65)) == decoded);
    ++seen;
  }
  CHECK(seen >= 10);
}

TEST_CASE("more peers or links than a payload may hold are refused before they take memory") {
  std::vector<Peer> crowd;
  for (uint64_t i = 1; i <= kMaxGossipedPeers; ++i) crowd.push_back({{i}, {}, i, 1, {}, {}});
  CHECK(decode_topology(encode(crowd, 65)));
  crowd.push_back({{kMaxGossipedPeers + 1}, {}, 1, 1, {}, {}});
  CHECK(reason(decode_topology(encode(crowd, 65))) == "too many peers in a topology payload");

  std::vector<Peer> list;
  for (uint64_t i = 1; i <= 3; ++i) {
    Peer p{{i}, {}, i, 1, {}, {}};
    for (uint64_t k = 1; k <= kMaxGossipedLinks / 3 + 1; ++k) p.links.push_back({{k}, {}, false, false});
    list.push_back(std::move(p));
  }
  auto bytes = encode(list, 65);
  CHECK(reason(decode_topology(bytes)) == "too many connections in a topology payload");
  list.pop_back();
  CHECK(decode_topology(encode(list, 65)));
}
