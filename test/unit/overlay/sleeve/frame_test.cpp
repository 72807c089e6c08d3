#include "overlay/sleeve/frame.hpp"

#include <catch2/catch.hpp>

#include "base/hex.hpp"
#include "overlay/sleeve/checksum.hpp"
#include "unit/overlay/frames.hpp"
#include "unit/vectors.hpp"

using namespace weave;
using namespace weave::overlay;
using nlohmann::json;

TEST_CASE("fragments equal those of Weave Net") {
  auto all = test::vectors("overlay/sleeve-fragment.json");
  for (const auto& c : all.at("fragment")) {
    INFO(c.at("name"));
    auto frame = test::unhex(c.at("frame"));
    auto packet = find_ipv4(frame);
    REQUIRE(packet);
    std::vector<std::string> pieces;
    CHECK(fragment_ipv4(frame, *packet, c.at("mtu").get<uint16_t>(),
                        [&](ByteView piece) { pieces.push_back(to_hex(piece)); }));
    CHECK(pieces == c.at("segments").get<std::vector<std::string>>());
  }
}

TEST_CASE("ICMP \"fragmentation needed\" is Weave Net's, byte for byte") {
  auto all = test::vectors("overlay/sleeve-fragment.json");
  for (const auto& c : all.at("icmp_frag_needed")) {
    INFO(c.at("name"));
    auto frame = test::unhex(c.at("frame"));
    auto packet = find_ipv4(frame);
    REQUIRE(packet);
    CHECK(to_hex(fragmentation_needed(frame, *packet, c.at("mtu").get<uint16_t>())) ==
          c.at("icmp_frame").get<std::string>());
  }
}

TEST_CASE("a packet shorter than its IP length is not fragmented") {
  auto frame = test::unhex(test::vectors("overlay/sleeve-fragment.json").at("fragment")[0].at("frame"));
  put_u16(frame, 16, 60000);
  auto packet = find_ipv4(frame);
  REQUIRE(packet);
  CHECK_FALSE(fragment_ipv4(frame, *packet, 1294, [](ByteView) { FAIL(); }));
}

TEST_CASE("no fragment lies beyond the largest offset or is empty") {
  auto frame = test::unhex(test::vectors("overlay/sleeve-fragment.json").at("fragment")[0].at("frame"));
  put_u16(frame, 20, 0x1fff);
  CHECK_FALSE(fragment_ipv4(frame, *find_ipv4(frame), 552, [](ByteView) { FAIL(); }));
  put_u16(frame, 20, 0);
  CHECK_FALSE(fragment_ipv4(frame, *find_ipv4(frame), 27, [](ByteView) { FAIL(); }));
  size_t count = 0;
  CHECK(fragment_ipv4(frame, *find_ipv4(frame), 28, [&](ByteView) { ++count; }));
  CHECK(count == 1500 / 8 + 1);
}

TEST_CASE("only well-formed, untagged IPv4 is found in a frame") {
  auto good = test::tcp_frame({});
  REQUIRE(find_ipv4(good));
  CHECK(find_ipv4(good)->dont_fragment);
  auto bad = [&](size_t at, uint8_t value) {
    auto frame = good;
    frame[at] = value;
    return frame;
  };
  CHECK_FALSE(find_ipv4(bad(12, 0x81)));                      // a VLAN's tag
  CHECK_FALSE(find_ipv4(bad(14, 0x44)));                      // a header of 16 bytes
  CHECK_FALSE(find_ipv4(ByteView(good).first(33)));           // cut short
  CHECK_FALSE(find_ipv4(ByteView(bad(14, 0x4f)).first(40)));  // options that aren't there
  auto open = good;
  put_u16(open, 16, 0);
  CHECK(find_ipv4(open)->length == good.size() - 14);
}

TEST_CASE("no ICMP error answers broadcasts, invalid senders, later fragments or ICMP errors") {
  auto frame = test::tcp_frame({});
  auto asks = [&](size_t at, uint8_t value) {
    auto changed = frame;
    changed[at] = value;
    return may_answer(changed, *find_ipv4(changed));
  };
  CHECK(asks(0, 2));
  CHECK_FALSE(asks(0, 0xff));  // to everybody
  CHECK_FALSE(asks(26, 224));  // from a group
  CHECK_FALSE(asks(26, 0));    // from nobody
  CHECK_FALSE(asks(21, 1));    // a fragment behind the first
  frame[23] = 1;               // ICMP
  CHECK(asks(34, 8));
  CHECK(asks(34, 0));
  CHECK_FALSE(asks(34, 3));
}

TEST_CASE("the fast checksum equals the plain one for every length") {
  Bytes bytes;
  for (size_t i = 0; i < 200; ++i) {
    auto expected = static_cast<uint16_t>(test::plain_sum(bytes));
    uint16_t native = fold_sum(add_to_sum(bytes));
    std::array<uint8_t, 2> stored{};
    std::memcpy(stored.data(), &native, 2);
    CHECK((stored[0] << 8 | stored[1]) == expected);
    bytes.push_back(static_cast<uint8_t>(251 * i + 255));
  }
}
