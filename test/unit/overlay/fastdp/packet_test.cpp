#include "overlay/fastdp/packet.hpp"

#include <catch2/catch.hpp>

#include "base/hex.hpp"
#include "unit/vectors.hpp"

using namespace weave;
using namespace weave::overlay;
using nlohmann::json;

namespace {

uint64_t number(const json& text) {
  return std::stoull(text.get<std::string>(), nullptr, 16);
}

}  // namespace

TEST_CASE("VNIs and VXLAN headers equal those of Weave Net") {
  auto file = test::vectors("overlay/fastdp.json");
  for (const auto& row : file.at("vni")) {
    uint16_t source = row.at("src_short_id"), destination = row.at("dst_short_id");
    uint32_t vni = row.at("vni");
    CHECK(make_vni(source, destination) == vni);
    CHECK(vni_source(vni) == source);
    CHECK(vni_destination(vni) == destination);
    auto packet = encode_heartbeat(vni, 1, 1376);
    CHECK(to_hex(ByteView(packet).first(8)) == row.at("vxlan_header").get<std::string>());
    CHECK(decode_vxlan(packet) == vni);
  }
}

TEST_CASE("heartbeats equal those of Weave Net") {
  auto file = test::vectors("overlay/fastdp.json");
  for (const auto& row : file.at("heartbeat")) {
    uint16_t mtu = row.at("datapath_mtu");
    auto packet = encode_heartbeat(0x9b9c46, number(row.at("conn_uid")), mtu);
    ByteView frame = ByteView(packet).subspan(kVxlanHeader);
    CHECK(frame.size() == row.at("frame_len").get<size_t>());
    CHECK(packet.size() + 28 == row.at("outer_ip_len_plain").get<size_t>());
    auto prefix = row.at("frame_prefix_hex").get<std::string>();
    CHECK(to_hex(frame.first(prefix.size() / 2)) == prefix);
    CHECK(std::all_of(frame.begin() + 24, frame.end(), [](uint8_t byte) { return byte == 0; }));
    CHECK(decode_heartbeat(frame, frame.size()) == number(row.at("conn_uid")));
  }
}

TEST_CASE("exactly the packets that Weave Net accepts as heartbeats are accepted") {
  auto file = test::vectors("overlay/fastdp.json");
  for (const auto& row : file.at("heartbeat_acceptance")) {
    INFO(row.at("name"));
    auto frame = *from_hex(row.at("frame").get<std::string>());
    auto decoded = decode_heartbeat(ByteView(frame).first(std::min<size_t>(24, frame.size())), frame.size());
    bool accepted = decoded && *decoded == number(row.at("accepted_for_conn_uid"));
    CHECK(accepted == row.at("accepted").get<bool>());
  }
}

TEST_CASE("packets recorded from a Weave Net router are decoded") {
  size_t heartbeats = 0;
  auto vectors = test::vectors("overlay/live-fastdp.json");
  for (const auto& row : vectors.at("packets")) {
    auto packet = *from_hex(row.at("ip_packet").get<std::string>());
    ByteView payload = ByteView(packet).subspan(28);
    auto vni = decode_vxlan(payload);
    REQUIRE(vni);
    CHECK(*vni == number(row.at("vni")));
    CHECK(vni_source(*vni) == row.at("src_short_id").get<uint16_t>());
    CHECK(vni_destination(*vni) == row.at("dst_short_id").get<uint16_t>());
    auto summary = row.at("summary").get<std::string>();
    auto frame = payload.subspan(kVxlanHeader);
    auto conn_uid = decode_heartbeat(frame.first(std::min<size_t>(24, frame.size())), frame.size());
    CHECK(conn_uid.has_value() == summary.starts_with("HB "));
    if (!conn_uid) continue;
    ++heartbeats;
    CHECK(fmt::format("HB heartbeat conn_uid={:016x}", *conn_uid) == summary);
    CHECK(encode_heartbeat(*vni, *conn_uid, static_cast<uint16_t>(frame.size() - 14)) ==
          Bytes(payload.begin(), payload.end()));
  }
  CHECK(heartbeats > 0);
}
