#include "base/bytes.hpp"

#include <catch2/catch.hpp>

#include "base/hex.hpp"

using namespace weave;

TEST_CASE("a read past the end fails and stays failed") {
  Reader reader(as_bytes("\x01\x02\x03"));
  CHECK(reader.u16() == 0x0102);
  CHECK(reader.u16() == 0);
  CHECK_FALSE(reader.ok());
  CHECK(reader.u8() == 0);
}

TEST_CASE("a count near the top of size_t doesn't wrap") {
  Reader reader(as_bytes("abc"));
  reader.u8();
  CHECK(reader.bytes(SIZE_MAX).empty());
  CHECK_FALSE(reader.ok());
}

TEST_CASE("hex survives a round trip, and an odd length or other digits are refused") {
  CHECK(to_hex(Bytes{0x00, 0xab, 0xff}) == "00abff");
  CHECK(from_hex("00ABff") == Bytes{0x00, 0xab, 0xff});
  CHECK_FALSE(from_hex("abc"));
  CHECK_FALSE(from_hex("zz"));
}
