#include "names/message.hpp"

#include <catch2/catch.hpp>

#include "base/hex.hpp"
#include "gob/decode.hpp"
#include "gob/encode.hpp"
#include "unit/names/entries.hpp"
#include "unit/vectors.hpp"

using namespace weave;
using namespace weave::names;

namespace {

// A later version's idea of the message: fields in another order, more of them and fewer, other names of types.
struct OtherEntry {
  std::map<std::string, Bytes> labels;
  int64_t version = 0;
  std::string hostname;
  std::vector<std::vector<uint64_t>> more;
  uint64_t address = 0;
};
struct OtherMessage {
  std::vector<OtherEntry> list;
  bool urgent = false;
  int64_t timestamp = 0;
};

}  // namespace

namespace weave::gob {
template <>
struct Shaped<OtherEntry> {
  static Shape make() {
    return structure("", {field<&OtherEntry::labels>("Labels"), field<&OtherEntry::version>("Version"),
                          field<&OtherEntry::hostname>("Hostname"), field<&OtherEntry::more>("More"),
                          field<&OtherEntry::address>("Addr")});
  }
};
template <>
struct Shaped<OtherMessage> {
  static Shape make() {
    return structure("", {field<&OtherMessage::list>("Entries"), field<&OtherMessage::urgent>("Urgent"),
                          field<&OtherMessage::timestamp>("Timestamp")});
  }
};
}  // namespace weave::gob

TEST_CASE("messages equal those of Weave Net") {
  auto messages = test::vectors("dns/gossip-encode.json").at("messages");
  REQUIRE(messages.size() == 8);
  for (const auto& m : messages) {
    INFO(m.at("Name").get<std::string>());
    auto given = entries_from(m.at("EntriesGiven"));
    CHECK(to_hex(encode({m.at("Timestamp").get<int64_t>(), given})) == m.at("Hex").get<std::string>());
    auto decoded = decode(test::unhex(m.at("Hex")));
    REQUIRE(decoded);
    CHECK(decoded->timestamp == m.at("Timestamp").get<int64_t>());
    CHECK(decoded->entries == entries_from(m.at("EntriesOnWire")));
  }
}

TEST_CASE("messages recorded from a Weave Net router are decoded") {
  auto captured = test::vectors("dns/gossip-encode.json").at("CapturedFromARunningRouter");
  PeerName origin{0x020000000001};
  auto state = decode(test::unhex(captured.at(0).at("Hex")));
  REQUIRE(state);
  CHECK(state->timestamp == 1795469137);
  CHECK(state->entries == Entries{{"W2.weave.local.", origin, "c2", {0x0a200002}, 1, 1795469137},
                                  {"w1.weave.local.", origin, "c1", {0x0a200001}}});
  for (size_t i : {1u, 2u}) {
    auto broadcast = decode(test::unhex(captured.at(i).at("Hex")));
    REQUIRE(broadcast);
    REQUIRE(broadcast->entries.size() == 1);
    CHECK(broadcast->entries[0].hostname == "w3.weave.local.");
    CHECK(broadcast->entries[0].live() == (i == 1));
  }
}

TEST_CASE("unknown fields of a message are ignored") {
  OtherMessage other{{{{{"a", {1, 2}}}, 3, "x.weave.local.", {{1}, {}}, 0x01020304}}, true, 17};
  gob::Encoder encoder(300);
  encoder.encode(other);
  auto bytes = encoder.take();
  auto decoded = decode(bytes);
  REQUIRE(decoded);
  CHECK(*decoded == Message{17, {{"x.weave.local.", {}, "", {0x01020304}, 3}}});
  bytes.insert(bytes.end(), {1, 2, 3});
  CHECK(decode(bytes) == decoded);
}

TEST_CASE("messages that Weave Net refuses are refused") {
  auto good = test::unhex(test::vectors("dns/gossip-encode.json").at("messages").at(0).at("Hex"));
  CHECK_FALSE(decode({}));
  for (size_t length = 0; length < good.size(); ++length) CHECK_FALSE(decode(ByteView(good).first(length)));
  CHECK_FALSE(decode(ByteView(good).subspan(good.size() - 0x70)));  // the value without the definitions
  CHECK_FALSE(decode(gob::encode(OtherMessage{{{{}, 0, "x", {}, uint64_t{1} << 32}}, false, 1})));
  CHECK_FALSE(decode(gob::encode(std::string("GossipData"))));
}

TEST_CASE("an encoded message holds no key twice, also not in two spellings") {
  Entry small{"foo.weave.local.", {0x0b}, "c", {1}}, big{"Foo.weave.local.", {0x0b}, "c", {1}, 2};
  CHECK(decode(encode({1, {small, big, small}}))->entries == Entries{big});
}

TEST_CASE("a list longer than its message is refused before it takes memory") {
  auto bytes = test::unhex(test::vectors("dns/gossip-encode.json").at("messages").at(4).at("Hex"));  // no entries
  // Its value again, with a count of elements that are one byte each.
  bytes.resize(bytes.size() - 9);
  Writer value;
  gob::write_int(value, 65);
  for (uint8_t byte : {1, 2, 1}) value.u8(byte);
  gob::write_uint(value, kMaxGossipEntries + 1);
  value.bytes(Bytes(kMaxGossipEntries + 2, 0));
  Writer message;
  message.bytes(bytes);
  gob::write_uint(message, value.size());
  message.bytes(value.out());
  CHECK_FALSE(decode(message.out()));
}
