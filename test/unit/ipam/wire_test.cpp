#include "ipam/wire.hpp"

#include <catch2/catch.hpp>

#include "unit/ipam/wire_vectors.hpp"

using namespace weave;
using namespace weave::ipam;

namespace {

// Go writes maps in random order: bytes can be compared when none has two elements.
bool one_order(const State& state) {
  return state.nicknames.size() < 2 && (!state.paxos || state.paxos->size() < 2);
}

}  // namespace

TEST_CASE("states are written byte for byte as Weave Net writes them, and read") {
  int exact = 0;
  for (const auto& v : vectors("ipam/gossip-state.json", "vectors")) {
    INFO(text(v["name"]));
    auto bytes = unhex(v["hex"]);
    auto want = state(v["decoded"]);
    auto got = decode_state(bytes);
    REQUIRE(reason(got) == "");
    CHECK(*got == want);
    if (one_order(want)) {
      CHECK(encode_state(want) == bytes);
      ++exact;
    }
    CHECK(encode_state(want).size() == bytes.size());
    CHECK(decode_state(encode_state(want)) == want);
  }
  CHECK(exact == 8);
}

TEST_CASE("messages captured between running routers are read, whatever their type ids") {
  int read = 0;
  for (const auto& v : vectors("ipam/captured-messages.json", "messages")) {
    auto bytes = unhex(v["hex"]);
    INFO(v["decoded"].dump());
    ByteView content = bytes;
    if (text(v["kind"]) == "unicast") {
      REQUIRE(bytes.at(0) == v["tag"].get<int>());
      content = content.subspan(1);
      if (bytes[0] != 1) {
        CHECK(decode_range(content) == Ipv4Range{ip(v["decoded"]["Start"]), ip(v["decoded"]["End"])});
        ++read;
        continue;
      }
    }
    auto got = decode_state(content);
    REQUIRE(reason(got) == "");
    CHECK(sorted(*got) == state(v["decoded"]));
    ++read;
  }
  CHECK(read == 35);
}

TEST_CASE("ranges are written byte for byte as Weave Net writes them, and read") {
  for (const auto& v : vectors("ipam/unicast-range.json", "vectors")) {
    Ipv4Range range{{v["Start"].get<uint32_t>()}, {v["End"].get<uint32_t>()}};
    auto bytes = unhex(v["hex"]);
    CHECK(encode_unicast(static_cast<Tag>(v["tag"].get<int>()), encode_range(range)) == bytes);
    CHECK(decode_range(ByteView(bytes).subspan(1)) == range);
  }
}

TEST_CASE("a stored ring of Weave Net has the shape of a gossiped one") {
  int rings = 0;
  for (const auto& v : vectors("ipam/persisted-values.json", "vectors")) {
    if (text(v["key"]) != "ring") continue;
    // As the value of the field it is in.
    const auto& r = v["value"];
    State want{.ring =
                   WireRing{ip(r["Start"]), ip(r["End"]), peer(r["Peer"]), entries(r["Entries"]), peers(r["Seeds"])}};
    CHECK(decode_state(encode_state(want)) == want);
    ++rings;
  }
  CHECK(rings == 2);
}

TEST_CASE("an empty election and none are encoded differently") {
  State elector{.paxos = PaxosTable{}}, observer;
  CHECK(decode_state(encode_state(elector))->paxos.has_value());
  CHECK_FALSE(decode_state(encode_state(observer))->paxos.has_value());
}

TEST_CASE("implausible messages are refused") {
  auto refused = [](const State& state) { return reason(decode_state(encode_state(state))); };
  PeerName huge{uint64_t{1} << 48}, fine{1};
  CHECK(refused({.nicknames = {{huge, "x"}}}) == "a peer's name has more than 48 bits");
  CHECK(refused({.paxos = PaxosTable{{{huge, 1}, {}}}}) == "a peer's name has more than 48 bits");
  CHECK(refused({.paxos = PaxosTable{{{fine, 1}, {.promise = {1, {huge, 1}}}}}}) != "");
  CHECK(refused({.ring = WireRing{{1}, {9}, fine, {{{1}, huge, 0, 0}}, {}}}) != "");
  CHECK(refused({.ring = WireRing{{1}, {9}, fine, {}, {huge}}}) != "");
  CHECK(refused({.ring = WireRing{{1}, {9}, fine, {{{1}, fine, UINT32_MAX, 0}}, {}}}) ==
        "the version of an entry of the ring is out of range");
  CHECK(refused({.ring = WireRing{{1}, {9}, fine, {{{1}, fine, kMaxVersion, 0}}, {}}}) == "");
  CHECK_FALSE(decode_state({}));
  CHECK_FALSE(decode_range(encode_state({})));
  CHECK_FALSE(decode_state(encode_range({{1}, {2}})));
}
