#include "mesh/handshake.hpp"

#include <catch2/catch.hpp>

#include "unit/vectors.hpp"

using namespace weave;
using namespace weave::mesh;

namespace {

const std::string intro_files[] = {"intro-v1-plain.json", "intro-v1-password.json", "intro-v2-plain.json",
                                   "intro-v2-password.json"};
const std::string live_files[] = {"live-v1-plain-inbound.json",    "live-v1-plain-outbound.json",
                                  "live-v1-password-inbound.json", "live-v1-password-outbound.json",
                                  "live-v2-plain-inbound.json",    "live-v2-plain-outbound.json",
                                  "live-v2-password-inbound.json", "live-v2-password-outbound.json"};

Features some_features(uint64_t name = 0x020000000001) {
  return {.name = {name},
          .nickname = "nick",
          .uid = 111,
          .conn_id = name == 0x020000000001 ? 1000u : 77u,
          .short_id = 7,
          .trusted = false,
          .overlays = std::vector<std::string>{"fastdp", "sleeve"},
          .public_key = {}};
}

HandshakeConfig config(bool initiator, const std::string& password = {}, int least = 1, int most = 2) {
  return {.initiator = initiator,
          .min_version = least,
          .max_version = most,
          .password = Secret(password),
          .ours = some_features(initiator ? 0x020000000001 : 0x020000000002),
          .choose_conn_id = {}};
}

// Carries bytes until nothing moves.
void meet(HandshakeMachine& one, HandshakeMachine& other) {
  for (bool moved = true; moved;) {
    auto there = one.take_output(), back = other.take_output();
    moved = !there.empty() || !back.empty();
    other.feed(there);
    one.feed(back);
  }
}

// The header as 7 bytes and whatever follows it.
Bytes intro(uint8_t least, uint8_t most, std::initializer_list<uint8_t> rest = {}) {
  Bytes out{'w', 'e', 'a', 'v', 'e', least, most};
  out.insert(out.end(), rest);
  return out;
}

std::string reason_for(HandshakeConfig ours, ByteView bytes) {
  HandshakeMachine handshake(std::move(ours));
  handshake.feed(bytes);
  CHECK_FALSE(handshake.done());
  return handshake.reason();
}

Bytes features_frame(const FeatureMap& map) {
  auto bytes = intro(1, 2, {0});
  auto framed = *frame(2, encode_features(map));
  bytes.insert(bytes.end(), framed.begin(), framed.end());
  return bytes;
}

}  // namespace

TEST_CASE("features are encoded as Weave Net encodes them") {
  auto vectors = test::vectors("mesh/features.json");
  for (const auto& c : vectors.at("cases")) {
    INFO(c.at("name"));
    auto map = c.at("features").get<FeatureMap>();
    CHECK(decode_features(test::unhex(c.at("hex"))) == map);
    CHECK(decode_features(encode_features(map)) == map);
  }
}

TEST_CASE("features survive encoding in both versions, unknown ones are ignored") {
  for (int version : {1, 2}) {
    auto features = some_features();
    if (version == 1) {
      features.short_id.reset();
      features.overlays.reset();
      features.public_key = KeyPair::generate().public_key;
    }
    CHECK(to_features(to_map(features, version), version) == features);
  }
  auto map = to_map(some_features(), 2);
  CHECK_FALSE(to_features(map, 1)->overlays);  // version 1 peers can't say so
  map["Extra"] = "ignored";
  CHECK(to_features(map, 2) == some_features());
  map["Overlays"] = "";
  CHECK(to_features(map, 2)->overlays == std::vector<std::string>{""});
}

TEST_CASE("incomplete and damaged features are refused in Weave Net's order and with its reasons") {
  auto good = to_map(some_features(), 2);
  auto without = [&](const char* key) {
    auto map = good;
    map.erase(key);
    return to_features(map, 2);
  };
  for (const char* key : {"PeerNameFlavour", "Name", "NickName", "UID", "ConnID"})
    CHECK(without(key).error() == fmt::format("field {} is missing", key));
  for (const char* key : {"ShortID", "Trusted", "Overlays"}) CHECK(without(key));
  auto with = [&](const char* key, const char* value) {
    auto map = good;
    map[key] = value;
    return to_features(map, 2);
  };
  CHECK(with("PeerNameFlavour", "hash").error() == "Peer name flavour mismatch (ours: 'mac', theirs: 'hash')");
  CHECK(with("Name", "x").error() == "invalid peer name format: \"x\"");
  CHECK(with("Name", "00:00:00:00:00:00").error() == "invalid peer name format: \"00:00:00:00:00:00\"");
  for (const char* bad : {"", "-1", "1 ", "0x1", "18446744073709551616"}) {
    CHECK_FALSE(with("UID", bad));
    CHECK_FALSE(with("ConnID", bad));
    CHECK_FALSE(with("ShortID", bad));
  }
  CHECK(with("UID", "18446744073709551615"));
  CHECK_FALSE(with("ShortID", "4096"));
  CHECK(with("ShortID", "4095")->short_id == 4095);
  for (const char* yes : {"1", "t", "T", "TRUE", "true", "True"}) CHECK(with("Trusted", yes)->trusted);
  for (const char* no : {"0", "f", "F", "FALSE", "false", "False"}) CHECK_FALSE(with("Trusted", no)->trusted);
  CHECK_FALSE(with("Trusted", "yes"));
  CHECK(with("Name", "\x1b[2J").error() == "invalid peer name format: \"?[2J\"");
  CHECK(with("UID", std::string(60000, 'x').c_str()).error().size() < 200);
  auto rude = some_features();
  rude.nickname = "a\nb";
  CHECK(rude.label() == "02:00:00:00:00:01(a?b)");
  auto old = to_map(some_features(), 1);
  for (const char* bad : {"", "zz", "00", "g000000000000000000000000000000000000000000000000000000000000000"}) {
    old["PublicKey"] = bad;
    CHECK_FALSE(to_features(old, 1));
  }
}

TEST_CASE("the introduction with fixed keys equals that of Weave Net") {
  for (const auto& file : intro_files)
    for (bool initiator : {true, false})
      for (size_t chunk : {size_t{1}, size_t{1000}}) {
        INFO(file << " initiator " << initiator << " in pieces of " << chunk);
        auto vectors = test::vectors("mesh/" + file);
        const auto& ours = vectors.at(initiator ? "outbound_side" : "inbound_side");
        const auto& theirs = vectors.at(initiator ? "inbound_side" : "outbound_side");
        int version = ours.at("negotiated_version").get<int>();
        auto sent = test::unhex(ours.at("sent_intro_hex"));
        auto theirs_sent = test::unhex(theirs.at("sent_intro_hex"));
        auto settings = config(initiator, {}, sent[5], sent[6]);
        settings.ours = *to_features(ours.at("features_sent").get<FeatureMap>(), 2);
        KeyPair keys;
        bool password = ours.contains("password");
        if (password) {
          settings.password = Secret(ours.at("password").get<std::string>());
          keys = KeyPair::of(test::unhex(ours.at("private_key")));
        }
        HandshakeMachine handshake(settings, keys);
        for (size_t at = 0; at < theirs_sent.size(); at += chunk)
          handshake.feed(ByteView(theirs_sent).subspan(at, std::min(chunk, theirs_sent.size() - at)));
        INFO(handshake.reason());
        REQUIRE(handshake.done());
        // The order of a map's pairs is free; everything else is byte for byte.
        auto output = handshake.take_output();
        CHECK(output.size() == sent.size());
        ptrdiff_t fixed = version == 1 ? 7 : password ? 40 : 8;
        CHECK(Bytes(output.begin(), output.begin() + fixed) == Bytes(sent.begin(), sent.begin() + fixed));
        auto done = handshake.take();
        CHECK(done.version == version);
        CHECK(done.conn_uid == (uint64_t{1000} ^ 77));
        CHECK(done.theirs.name.str() == theirs.at("features_sent").at("Name").get<std::string>());
        CHECK(to_features(ours.at("features_received").get<FeatureMap>(), version)->uid == done.theirs.uid);
        CHECK(done.theirs.overlays.has_value() == (version == 2));
        if (password) CHECK(to_hex(done.session_key.view()) == ours.at("session_key").get<std::string>());
        CHECK(done.session_key.empty() != password);
        for (const auto& message : ours.at("messages_after_intro"))
          CHECK(done.stream.encode(test::unhex(message.at("message_hex"))) == test::unhex(message.at("wire_hex")));
        for (const auto& message : theirs.at("messages_after_intro")) {
          done.stream.feed(test::unhex(message.at("wire_hex")));
          CHECK(done.stream.next().value() == std::optional(test::unhex(message.at("message_hex"))));
        }
      }
}

TEST_CASE("sessions recorded with a Weave Net router are replayed from both ends") {
  for (const auto& file : live_files)
    for (bool as_recorder : {true, false}) {
      auto vectors = test::vectors("mesh/" + file);
      bool password = vectors.contains("recorder_private_key");
      // Only the recorder's private key is known.
      if (!as_recorder && password) continue;
      INFO(file << " as recorder " << as_recorder);
      bool recorder_initiates = vectors.at("recorder_role") == "outbound";
      auto settings = config(as_recorder == recorder_initiates, {}, 1, vectors.at("protocol_version").get<int>());
      settings.ours =
          *to_features(vectors.at(as_recorder ? "recorder_features" : "reference_features").get<FeatureMap>(), 2);
      KeyPair keys;
      if (password) {
        settings.password = Secret(vectors.at("password").get<std::string>());
        keys = KeyPair::of(test::unhex(vectors.at("recorder_private_key")));
      }
      HandshakeMachine handshake(settings, keys);
      handshake.feed(test::unhex(
          vectors.at(as_recorder ? "stream_reference_to_recorder_hex" : "stream_recorder_to_reference_hex")));
      INFO(handshake.reason());
      REQUIRE(handshake.done());
      auto done = handshake.take();
      if (password) CHECK(to_hex(done.session_key.view()) == vectors.at("session_key").get<std::string>());
      for (const auto& message : vectors.at("messages")) {
        if ((message.at("from") == "reference") != as_recorder) continue;
        CHECK(done.stream.next().value() == std::optional(test::unhex(message.at("message_hex"))));
      }
      CHECK(done.stream.next().value() == std::optional<Bytes>());
    }
}

TEST_CASE("two peers complete the handshake with each other") {
  int version = GENERATE(1, 2);
  std::string password = GENERATE("", "wfvAwt7sj");
  HandshakeMachine one(config(true, password, 1, version)), other(config(false, password));
  meet(one, other);
  REQUIRE(one.done());
  REQUIRE(other.done());
  auto a = one.take(), b = other.take();
  CHECK(a.version == version);
  CHECK(a.conn_uid == b.conn_uid);
  CHECK(to_hex(a.session_key.view()) == to_hex(b.session_key.view()));
  for (int i = 0; i < 3; ++i) {
    b.stream.feed(*a.stream.encode(Bytes{1, 2}));
    CHECK(b.stream.next().value() == Bytes{1, 2});
    a.stream.feed(*b.stream.encode(Bytes{3}));
    CHECK(a.stream.next().value() == Bytes{3});
  }
}

TEST_CASE("an acceptor sends its features only after it has accepted the initiator") {
  for (const char* password : {"", "secret"}) {
    HandshakeMachine acceptor(config(false, password));
    CHECK(acceptor.take_output() == intro(1, 2));
    acceptor.feed(intro(1, 2, {static_cast<uint8_t>(*password ? 1 : 0)}));
    CHECK(acceptor.take_output().size() == (*password ? 33 : 1));
    acceptor.feed(Bytes(32, 9));
    CHECK(acceptor.take_output().empty());
  }
  HandshakeMachine old(config(false, "", 1, 1));
  old.feed(intro(1, 1));
  CHECK(old.take_output() == intro(1, 1));
}

TEST_CASE("an acceptor may choose its connection number when it knows the initiator") {
  auto settings = config(false);
  settings.choose_conn_id = [](const Features& theirs) { return ~theirs.conn_id; };
  HandshakeMachine one(config(true)), other(std::move(settings));
  meet(one, other);
  CHECK(one.take().conn_uid == UINT64_MAX);
  CHECK(other.take().conn_uid == UINT64_MAX);
}

TEST_CASE("another password ends the handshake with the reason on both sides") {
  HandshakeMachine one(config(true, "right")), other(config(false, "wrong"));
  meet(one, other);
  CHECK(other.reason() == "Unable to decrypt TCP msg");
  CHECK_FALSE(one.failed());
  one.closed("EOF");
  CHECK_THAT(one.reason(), Catch::Contains("password"));
}

TEST_CASE("a password on one side only ends the handshake with Weave Net's reasons") {
  int version = GENERATE(1, 2);
  bool initiator_has_it = GENERATE(true, false);
  HandshakeMachine one(config(true, initiator_has_it ? "x" : "", 1, version));
  HandshakeMachine other(config(false, initiator_has_it ? "" : "x"));
  meet(one, other);
  auto& with = initiator_has_it ? one : other;
  auto& without = initiator_has_it ? other : one;
  // In version 1 the acceptor's silence is all that an initiator gets.
  if (version == 2 || &with == &other)
    CHECK(with.reason() == "password specified, but peer requested an unencrypted connection");
  if (version == 2 || &without == &other)
    CHECK(without.reason() == "no password specificed, but peer requested an encrypted connection");
}

TEST_CASE("protocol headers are accepted and refused as by Weave Net") {
  HandshakeMachine future(config(true));
  future.feed(intro(1, 9, {0}));
  CHECK_FALSE(future.failed());
  CHECK_FALSE(future.awaiting_header());
  CHECK(reason_for(config(true), intro(3, 3)) == "remote version range [3,3] is incompatible with ours [1,2]");
  CHECK(reason_for(config(true), intro(0, 0)) == "remote version range [0,0] is incompatible with ours [1,2]");
  CHECK(reason_for(config(true, "x", 2), intro(1, 1)) == "remote version range [1,1] is incompatible with ours [2,2]");
  CHECK(reason_for(config(true), as_bytes("GET / H")) ==
        "remote protocol header not recognised: [71 69 84 32 47 32 72]");
  HandshakeMachine silent(config(false));
  silent.closed("EOF");
  CHECK(silent.reason() == "failed to receive remote protocol header: EOF");
  HandshakeMachine partial(config(false));
  partial.feed(as_bytes("wea"));
  CHECK(partial.awaiting_header());
  partial.closed("EOF");
  CHECK(partial.reason() ==
        "received incomplete remote protocol header (3 octets instead of 7): [119 101 97]; error: EOF");
  CHECK(reason_for(config(true), intro(1, 2, {2})) == "Bad encryption flag 2");
}

TEST_CASE("before the features are accepted a frame has 64 KiB at most") {
  CHECK_FALSE(reason_for(config(false), intro(1, 2, {0, 0, 1, 0, 1})).empty());
  CHECK(reason_for(config(false), intro(1, 2, {0, 0, 1, 0, 0})).empty());
  CHECK_FALSE(reason_for(config(false), intro(1, 1, {0xfd, 1, 0, 1})).empty());
  CHECK(reason_for(config(false), intro(1, 1, {0xfe, 0xff, 0xf0})).empty());
}

TEST_CASE("bad features and unsafe keys end the handshake") {
  CHECK(reason_for(config(false), features_frame({{"Name", "x"}})) == "field PeerNameFlavour is missing");
  CHECK_FALSE(reason_for(config(false), intro(1, 2, {0, 0, 0, 0, 1, 0x80})).empty());
  auto bytes = intro(1, 2, {1});
  bytes.resize(bytes.size() + 32);
  CHECK(reason_for(config(false, "x"), bytes) == "the peer's public key is unsafe");
  CHECK(reason_for(config(true, "x"), bytes) == "the peer's public key is unsafe");
}
