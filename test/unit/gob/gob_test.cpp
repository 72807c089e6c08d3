#include <catch2/catch.hpp>

#include "base/hex.hpp"
#include "gob/decode.hpp"
#include "gob/encode.hpp"
#include "unit/vectors.hpp"

using namespace weave;
using Json = nlohmann::json;
using test::unhex;

namespace {

template <class T>
std::string reason(const Result<T>& result) {
  return result ? "" : result.error();
}

template <class T>
void check_both_ways(const T& value, const Bytes& bytes) {
  CHECK(to_hex(gob::encode(value)) == to_hex(bytes));
  auto decoded = gob::decode<T>(bytes);
  INFO(reason(decoded));
  REQUIRE(decoded);
  CHECK(*decoded == value);
}

struct Point {
  uint64_t value;
};

// The nameserver's payload and the state of IP allocation: the deepest nesting that peers use.
struct NameEntry {
  std::string container;
  uint64_t origin = 0;
  uint32_t address = 0;
  std::string hostname;
  int64_t version = 0, tombstone = 0;
  bool operator==(const NameEntry&) const = default;
};
struct NameData {
  int64_t timestamp = 0;
  std::vector<NameEntry> entries;
  bool operator==(const NameData&) const = default;
};
struct NodeId {
  uint64_t name = 0, uid = 0;
  auto operator<=>(const NodeId&) const = default;
};
struct ProposalId {
  uint64_t round = 0;
  NodeId proposer;
  bool operator==(const ProposalId&) const = default;
};
struct AcceptedValue {
  std::vector<uint64_t> value;
  ProposalId origin;
  bool operator==(const AcceptedValue&) const = default;
};
struct NodeClaims {
  ProposalId promise, accepted;
  AcceptedValue accepted_value;
  bool operator==(const NodeClaims&) const = default;
};
struct RingEntry {
  uint32_t token = 0;
  uint64_t peer = 0;
  uint32_t version = 0, free = 0;
  bool operator==(const RingEntry&) const = default;
};
struct Ring {
  uint32_t start = 0, end = 0;
  uint64_t peer = 0;
  std::vector<RingEntry> entries;
  std::vector<uint64_t> seeds;
  bool operator==(const Ring&) const = default;
};
struct GossipState {
  int64_t now = 0;
  std::map<uint64_t, std::string> nicknames;
  std::optional<std::map<NodeId, NodeClaims>> paxos;
  std::optional<Ring> ring;
  bool operator==(const GossipState&) const = default;
};

}  // namespace

namespace weave::gob {
template <>
struct Shaped<NameEntry> {
  static Shape make() {
    return structure("Entry", {field<&NameEntry::container>("ContainerID"), field<&NameEntry::origin>("Origin"),
                               field<&NameEntry::address>("Addr"), field<&NameEntry::hostname>("Hostname"),
                               field<&NameEntry::version>("Version"), field<&NameEntry::tombstone>("Tombstone")});
  }
};
template <>
struct Shaped<NameData> {
  static Shape make() {
    return structure("GossipData",
                     {field<&NameData::timestamp>("Timestamp"), field<&NameData::entries>("Entries", "Entries")});
  }
};
template <>
struct Shaped<NodeId> {
  static Shape make() { return structure("", {field<&NodeId::name>("Name"), field<&NodeId::uid>("UID")}); }
};
template <>
struct Shaped<ProposalId> {
  static Shape make() {
    return structure("ProposalID", {field<&ProposalId::round>("Round"), field<&ProposalId::proposer>("Proposer")});
  }
};
template <>
struct Shaped<AcceptedValue> {
  static Shape make() {
    return structure("AcceptedValue",
                     {field<&AcceptedValue::value>("Value", "Value"), field<&AcceptedValue::origin>("Origin")});
  }
};
template <>
struct Shaped<NodeClaims> {
  static Shape make() {
    return structure("", {field<&NodeClaims::promise>("Promise"), field<&NodeClaims::accepted>("Accepted"),
                          field<&NodeClaims::accepted_value>("AcceptedVal")});
  }
};
template <>
struct Shaped<RingEntry> {
  static Shape make() {
    return structure("", {field<&RingEntry::token>("Token"), field<&RingEntry::peer>("Peer"),
                          field<&RingEntry::version>("Version"), field<&RingEntry::free>("Free")});
  }
};
template <>
struct Shaped<Ring> {
  static Shape make() {
    return structure("Ring",
                     {field<&Ring::start>("Start"), field<&Ring::end>("End"), field<&Ring::peer>("Peer"),
                      field<&Ring::entries>("Entries", "entries"), field<&Ring::seeds>("Seeds", "[]mesh.PeerName")});
  }
};
template <>
struct Shaped<GossipState> {
  static Shape make() {
    return structure(
        "gossipState",
        {field<&GossipState::now>("Now"), field<&GossipState::nicknames>("Nicknames", "map[mesh.PeerName]string"),
         field<&GossipState::paxos>("Paxos", "GossipState"), field<&GossipState::ring>("Ring")});
  }
};
}  // namespace weave::gob

TEST_CASE("single values equal those of Go") {
  auto cases = test::vectors("mesh/gob-primitives.json", "cases");
  REQUIRE(cases.size() > 40);
  for (const auto& c : cases) {
    auto type = c.at("gob_type").get<std::string>(), value = c.at("value").get<std::string>();
    INFO(type << ' ' << value.substr(0, 40));
    auto bytes = unhex(c.at("hex"));
    if (type == "uint") check_both_ways<uint64_t>(std::stoull(value), bytes);
    if (type == "int") check_both_ways<int64_t>(std::stoll(value), bytes);
    if (type == "bool") check_both_ways(value == "true", bytes);
    if (type == "string") check_both_ways(value, bytes);
    if (type == "bytes") check_both_ways(*from_hex(value), bytes);
  }
}

TEST_CASE("feature maps are decoded and encoded in any order of pairs") {
  for (const auto& c : test::vectors("mesh/features.json", "cases")) {
    INFO(c.at("name"));
    auto features = c.at("features").get<std::map<std::string, std::string>>();
    auto bytes = unhex(c.at("hex"));
    auto decoded = gob::decode<decltype(features)>(bytes);
    REQUIRE(decoded);
    CHECK(*decoded == features);
    gob::Encoder encoder(68);
    encoder.encode(features);
    auto own = encoder.take();
    CHECK(own.size() == bytes.size());
    if (features.size() < 2) CHECK(own == bytes);
    CHECK(gob::decode<decltype(features)>(own) == features);
  }
}

TEST_CASE("the nameserver's payloads equal those of Go") {
  for (const auto& c : test::vectors("dns/gossip-encode.json", "messages")) {
    INFO(c.at("Name"));
    NameData data{c.at("Timestamp").get<int64_t>(), {}};
    for (const auto& e : c.at("EntriesOnWire"))
      data.entries.push_back({e.at("ContainerID"), e.at("OriginUint"), e.at("AddrUint"), e.at("Hostname"),
                              e.at("Version"), e.at("Tombstone")});
    check_both_ways(data, unhex(c.at("Hex")));
  }
}

TEST_CASE("the state of IP allocation equals that of Go") {
  GossipState state;
  state.now = 1600000000;
  state.nicknames[0x020000000001] = "host1";
  state.paxos.emplace();
  check_both_ways(
      state,
      unhex(
          "45ff810301010b676f73736970537461746501ff8200010401034e6f7701040001094e69636b6e616d657301ff840001055061786f73"
          "01ff9000010452696e6701ff92000000"
          "28ff83040101186d61705b6d6573682e506565724e616d655d737472696e6701ff84000106010c0000"
          "1dff8f0401010b476f73736970537461746501ff900001ff8601ff880000"
          "1dff85030102ff8600010201044e616d6501060001035549440106000000"
          "38ff87030102ff88000103010750726f6d69736501ff8a000108416363657074656401ff8a00010b416363657074656456616c01ff8c"
          "000000"
          "30ff890301010a50726f706f73616c494401ff8a0001020105526f756e64010600010850726f706f73657201ff86000000"
          "32ff8b0301010d416363657074656456616c756501ff8c000102010556616c756501ff8e0001064f726967696e01ff8a000000"
          "13ff8d0201010556616c756501ff8e0001060000"
          "45ff910301010452696e6701ff92000105010553746172740106000103456e640106000104506565720106000107456e747269657301"
          "ff960001055365656473"
          "01ff98000000"
          "16ff9502010107656e747269657301ff960001ff940000"
          "34ff93030102ff940001040105546f6b656e010600010450656572010600010756657273696f6e0106000104467265650106000000"
          "1dff970201010f5b5d6d6573682e506565724e616d6501ff980001060000"
          "1aff8201fcbebc20000101fa02000000000105686f737431010000"));
}

TEST_CASE("nested structs, slices and maps survive encoding") {
  GossipState state;
  state.paxos.emplace();
  (*state.paxos)[{1, 2}] = {{7, {1, 2}}, {}, {{3, 4}, {5, {}}}};
  (*state.paxos)[{3, 4}] = {};
  state.ring = Ring{1, 2, 3, {{4, 5, 6, 7}, {8, 9, 0, 0}}, {1, 1ull << 63}};
  CHECK(gob::decode<GossipState>(gob::encode(state)) == state);
  state.paxos.reset();
  CHECK(gob::decode<GossipState>(gob::encode(state)) == state);
}

TEST_CASE("one stream holds definitions once and values in pieces") {
  using Features = std::map<std::string, std::string>;
  gob::Encoder encoder;
  encoder.encode(Features{{"Name", "x"}});
  Bytes first = encoder.take();
  encoder.encode(Features{});
  Bytes second = encoder.take();
  CHECK(to_hex(second) == "04ff820000");
  encoder.encode(Bytes{0});
  Bytes third = encoder.take();
  CHECK(to_hex(third) == "040a000100");

  gob::Decoder decoder;
  Bytes stream = first;
  stream.insert(stream.end(), second.begin(), second.end());
  for (size_t arrived = 0; arrived < first.size(); ++arrived)
    CHECK(gob::next_size(ByteView(stream).first(arrived), 1000) == 0u);
  CHECK(gob::next_size(stream, 1000) == first.size());
  Reader in(stream);
  CHECK(decoder.decode<Features>(in) == Features{{"Name", "x"}});
  CHECK(in.position() == first.size());
  CHECK(decoder.decode<Features>(in) == Features{});
  CHECK(gob::at_end(in));
  Reader message(third);
  auto view = decoder.decode<ByteView>(message);
  REQUIRE(view);
  CHECK(view->data() == third.data() + 4);
}

TEST_CASE("a stream that grows beyond the limit is refused before it has arrived") {
  CHECK(reason(gob::next_size(unhex("fd7fffff"), 1000)) == "incoming message exceeds maximum size: 8388607 > 1000");
  CHECK(reason(gob::next_size(unhex("f87fffffffffffffff"), SIZE_MAX)) != "never");
  CHECK_FALSE(gob::next_size(unhex("80"), 1000));
  CHECK_FALSE(gob::next_size(unhex("00"), 1000));
  CHECK(gob::next_size(unhex("fd7fff"), 1000) == 0u);
  // Definitions count, too, so that they can't go on for ever.
  Bytes definitions;
  for (int i = 0; i < 100; ++i) {
    auto one = unhex("0eff87040102ff8800010c010c0000");
    definitions.insert(definitions.end(), one.begin(), one.end());
  }
  CHECK_FALSE(gob::next_size(definitions, 1000));
}

TEST_CASE("kinds must match exactly, numbers must fit") {
  CHECK(gob::decode<uint64_t>(unhex("03060007")) == 7u);
  CHECK_FALSE(gob::decode<int64_t>(unhex("03060007")));
  CHECK_FALSE(gob::decode<std::string>(unhex("040a000100")));
  CHECK_FALSE(gob::decode<Bytes>(unhex("040c000161")));
  CHECK_FALSE(gob::decode<uint64_t>(unhex("03020001")));
  CHECK(gob::decode<uint16_t>(unhex("050600feffff")) == 65535);
  CHECK_FALSE(gob::decode<uint16_t>(unhex("060600fd010000")));
  CHECK(gob::decode<int32_t>(unhex("070400fcffffffff")) == INT32_MIN);
  CHECK_FALSE(gob::decode<int32_t>(unhex("080400fb0100000000")));
  CHECK(gob::decode<Point>(unhex("050600feffff"))->value == 65535);
  CHECK_FALSE(gob::decode<uint64_t>(unhex("03060107")));                    // not a plain value
  CHECK_FALSE(gob::decode<uint64_t>(unhex("0d0600f7010101010101010101")));  // nine bytes
}

TEST_CASE("counts larger than the message take no memory") {
  // map of string to string, 2^62 pairs; then more pairs than bytes
  CHECK_FALSE(gob::decode<std::map<std::string, std::string>>(
      unhex("0eff87040102ff8800010c010c00000cff8800f84000000000000000")));
  CHECK_FALSE(gob::decode<std::map<std::string, std::string>>(unhex("0eff87040102ff8800010c010c000006ff8800020000")));
  CHECK_FALSE(gob::decode<Bytes>(unhex("0b0a00f87fffffffffffffff")));

  std::vector<uint64_t> many(1000);
  auto bytes = gob::encode(many);
  CHECK(gob::decode<std::vector<uint64_t>>(bytes, {.elements = 1000}));
  CHECK_FALSE(gob::decode<std::vector<uint64_t>>(bytes, {.elements = 999}));
}

TEST_CASE("the number of types and fields and the depth are limited") {
  CHECK_FALSE(gob::decode<GossipState>(gob::encode(GossipState{}), {.definitions = 11}));
  CHECK(gob::decode<GossipState>(gob::encode(GossipState{}), {.definitions = 12}));
  CHECK_FALSE(gob::decode<GossipState>(gob::encode(GossipState{}), {.fields = 4}));
  CHECK(gob::decode<GossipState>(gob::encode(GossipState{}), {.fields = 5}));
}
