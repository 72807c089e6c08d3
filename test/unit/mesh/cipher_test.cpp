#include "mesh/cipher.hpp"

#include <catch2/catch.hpp>

#include "mesh/framing.hpp"
#include "unit/vectors.hpp"

using namespace weave;
using namespace weave::mesh;

namespace {

PublicKey public_key(const nlohmann::json& text) {
  PublicKey key{};
  auto bytes = test::unhex(text);
  std::copy(bytes.begin(), bytes.end(), key.begin());
  return key;
}

}  // namespace

TEST_CASE("both sides derive Weave Net's session key") {
  auto vectors = test::vectors("mesh/session-key.json");
  REQUIRE(vectors.at("cases").size() >= 5);
  for (const auto& c : vectors.at("cases")) {
    Secret password(c.at("password").get<std::string>());
    auto a = KeyPair::of(test::unhex(c.at("a_private"))), b = KeyPair::of(test::unhex(c.at("b_private")));
    CHECK(a.public_key == public_key(c.at("a_public")));
    CHECK(b.public_key == public_key(c.at("b_public")));
    auto at_a = session_key(a, b.public_key, password), at_b = session_key(b, a.public_key, password);
    REQUIRE(at_a);
    REQUIRE(at_b);
    CHECK(to_hex(at_a->view()) == c.at("session_key").get<std::string>());
    CHECK(to_hex(at_b->view()) == c.at("session_key").get<std::string>());
  }
}

TEST_CASE("public keys of low order are refused") {
  auto ours = KeyPair::generate();
  Secret password(std::string_view("x"));
  PublicKey zero{}, one{};
  one[0] = 1;
  CHECK_FALSE(session_key(ours, zero, password));
  CHECK_FALSE(session_key(ours, one, password));
}

TEST_CASE("encrypted frames equal those of Weave Net in both directions") {
  auto vectors = test::vectors("mesh/frames-encrypted.json");
  Secret key(test::unhex(vectors.at("session_key")));
  for (bool initiator : {false, true}) {
    const auto& frames = vectors.at(initiator ? "sent_by_outbound_side" : "sent_by_inbound_side");
    MessageCipher sender(key, initiator), receiver(key, !initiator);
    uint64_t counter = 0;
    for (const auto& f : frames) {
      for (; counter < f.at("counter").get<uint64_t>(); ++counter) REQUIRE(receiver.open(sender.seal(Bytes{0})));
      ++counter;
      auto message = test::unhex(f.at("message_hex"));
      auto sealed = sender.seal(message);
      CHECK(frame(2, sealed) == test::unhex(f.at("wire_hex")));
      CHECK(receiver.open(sealed) == message);
    }
  }
}

TEST_CASE("a damaged, repeated or reflected message is refused") {
  Secret key(Bytes(32, 1));
  MessageCipher sender(key, true), receiver(key, false);
  auto sealed = sender.seal(Bytes{1, 2, 3});
  CHECK_FALSE(MessageCipher(key, true).open(sealed));
  auto damaged = sealed;
  damaged[0] ^= 1;
  CHECK(receiver.open(damaged).error() == "Unable to decrypt TCP msg");
  CHECK(receiver.open(sealed));
  CHECK_FALSE(receiver.open(sealed));
  CHECK_FALSE(receiver.open(Bytes(15)));
}
