#include "mesh/framing.hpp"

#include <catch2/catch.hpp>

using namespace weave;
using namespace weave::mesh;

TEST_CASE("messages are read from a stream in pieces of any size") {
  int version = GENERATE(1, 2);
  std::vector<Bytes> messages{{}, {0}, Bytes(127, 1), Bytes(128, 2), Bytes(300, 3), Bytes(70000, 4)};
  Bytes wire;
  MessageStream sender(version, std::nullopt, {});
  for (const auto& message : messages) {
    auto bytes = *sender.encode(message);
    wire.insert(wire.end(), bytes.begin(), bytes.end());
  }
  for (size_t chunk : {size_t{1}, size_t{7}, size_t{4096}, wire.size()}) {
    MessageStream receiver(version, std::nullopt, {});
    std::vector<Bytes> got;
    for (size_t at = 0; at < wire.size(); at += chunk) {
      receiver.feed(ByteView(wire).subspan(at, std::min(chunk, wire.size() - at)));
      for (;;) {
        auto next = receiver.next();
        if (!next) FAIL(next.error());
        if (!*next) break;
        got.push_back(std::move(**next));
      }
    }
    CHECK(got == messages);
  }
}

TEST_CASE("a version 1 message is a gob byte slice") {
  CHECK(frame(1, Bytes{0}) == Bytes{4, 0x0a, 0, 1, 0});
  CHECK(frame(1, {}) == Bytes{3, 0x0a, 0, 0});
}

TEST_CASE("frames are limited to 10 MiB in both directions, and refused by their length alone") {
  CHECK(frame(2, Bytes(kMaxFrame)));
  CHECK(frame(2, Bytes(kMaxFrame + 1)).error() == "outgoing message exceeds maximum size: 10485761 > 10485760");
  InputBuffer input;
  input.feed(Bytes{0, 0xa0, 0, 0});
  CHECK_FALSE(next_body(2, input).value());
  InputBuffer long_one;
  long_one.feed(Bytes{0, 0xa0, 0, 1});
  CHECK(next_body(2, long_one).error() == "incoming message exceeds maximum size: 10485761 > 10485760");
  InputBuffer gob;
  gob.feed(Bytes{0xf8, 0, 0, 0, 1, 0, 0, 0, 0});
  CHECK_FALSE(next_body(1, gob));
  Secret key(Bytes(32, 1));
  MessageStream sealed(2, MessageCipher(key, true), {});
  CHECK_FALSE(sealed.encode(Bytes(kMaxFrame - 15)));
  CHECK(sealed.encode(Bytes(kMaxFrame - 16)));
}

TEST_CASE("malformed messages in a version 1 stream are refused") {
  for (Bytes bad : {Bytes{0x80}, Bytes{0}, Bytes{3, 6, 0, 7}, Bytes{4, 0x0a, 1, 1, 0}, Bytes{4, 0x0a, 0, 2, 0},
                    Bytes{5, 0x0a, 0, 1, 0, 0}, Bytes{1, 0xff}}) {
    InputBuffer input;
    input.feed(bad);
    CHECK_FALSE(next_body(1, input));
  }
}
