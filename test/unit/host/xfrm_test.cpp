#include "host/xfrm.hpp"

#include <linux/netlink.h>
#include <linux/xfrm.h>

#include <catch2/catch.hpp>

#include "base/hex.hpp"
#include "host/netns.hpp"
#include "host/xfrm_message.hpp"
#include "unit/skip.hpp"

using namespace weave;
using namespace weave::host;
using Direction = IpsecPolicy::Direction;

namespace {

const Ipv4 here{0x0a000001}, there{0x0a000002};

std::string hex_at(const Bytes& message, size_t at, size_t size) {
  return to_hex(ByteView(message).subspan(at, size));
}

std::string bare(std::string text) {
  std::erase(text, ' ');
  return text;
}

// In a namespace of its own; not where the kernel has no XFRM.
template <class Test>
void with_xfrm(Test&& test) {
  NetNs::make().run([&] {
    std::optional<Xfrm> xfrm;
    try {
      xfrm.emplace();
    } catch (const Error& error) {
      test::skip(error.what());
      return;
    }
    test(*xfrm);
  });
}

}  // namespace

// Offsets of xfrm_usersa_info behind the header (16): selector 0, id 56 (daddr 56, spi 72, proto 76), saddr 80,
// lifetimes 96, current 160, stats 192, seq 204, reqid 208, family 212, mode 214, replay window 215, flags 216; 224.
TEST_CASE("an association is requested as by Weave Net") {
  Secret key(*from_hex(std::string(64, 'a') + std::string(8, 'b')));
  auto message = encode_association(XFRM_MSG_NEWSA, {.source = here, .destination = there, .spi = 0x11223344}, key);
  CHECK(hex_at(message, 4, 4) == "10000506");  // NEWSA; request, ack, create, only if there is none
  CHECK(hex_at(message, 16, 56) == std::string(112, '0'));
  CHECK(hex_at(message, 16 + 56, 4) == "0a000002");
  CHECK(hex_at(message, 16 + 72, 5) == "1122334432");
  CHECK(hex_at(message, 16 + 80, 4) == "0a000001");
  CHECK(hex_at(message, 16 + 96, 64) == std::string(64, 'f') + std::string(64, '0'));
  CHECK(hex_at(message, 16 + 208, 9) == bare("00000000 0200 00 00 80"));
  CHECK(hex_at(message, 240, 4) == "70001200");  // 4 + 72 + 36 bytes, XFRMA_ALG_AEAD
  CHECK(hex_at(message, 244, 18) == to_hex(as_bytes("rfc4106(gcm(aes))")) + "00");
  CHECK(hex_at(message, 244 + 64, 8) == "2001000080000000");
  CHECK(hex_at(message, 244 + 72, 36) == to_hex(key.view()));
  CHECK(hex_at(message, 352, 28) == bare("3c001700 08000000 00000000 00000000 00000000 00000000 00010000"));
  CHECK(message.size() == 352 + 60);

  message = encode_association(XFRM_MSG_UPDSA, {.source = there, .destination = here, .set_mark = 0x20000}, key);
  CHECK(hex_at(message, 4, 4) == "1a000500");
  CHECK(hex_at(message, 412, 16) == bare("08001d00 00000200 08001e00 00000200"));
}

// Offsets of xfrm_userpolicy_info: daddr 0, saddr 16, dport 32, mask 34, family 40, prefixes 42, 43, proto 44,
// lifetimes 56, priority 152, index 156, dir 160, action 161, flags 162, share 163; 168.
TEST_CASE("a policy is requested as by Weave Net, or blocks") {
  IpsecPolicy policy{.source = here, .destination = there, .mark = 0x20000, .esp = IpsecPolicy::Esp{0x11223344, 0}};
  auto message = encode_policy(policy);
  CHECK(hex_at(message, 4, 4) == "19000504");  // UPDPOLICY; request, ack, create
  CHECK(hex_at(message, 16, 4) == "0a000002");
  CHECK(hex_at(message, 32, 4) == "0a000001");
  CHECK(hex_at(message, 48, 13) == bare("0000 0000 0000 0000 0200 2020 11"));
  CHECK(hex_at(message, 16 + 152, 12) == bare("00000000 00000000 01000000"));
  CHECK(hex_at(message, 184, 4) == "44000500");  // XFRMA_TMPL
  CHECK(hex_at(message, 188, 4) == "0a000002");
  CHECK(hex_at(message, 188 + 16, 5) == "1122334432");
  CHECK(hex_at(message, 188 + 24, 8) == bare("02000000 0a000001"));
  CHECK(hex_at(message, 188 + 44, 20) == bare("00000000 00 00 00 00 ffffffff ffffffff ffffffff"));
  CHECK(hex_at(message, 252, 12) == bare("0c001500 00000200 00000200"));
  CHECK(message.size() == 264);

  message = encode_policy({.direction = Direction::kIn, .source = there, .destination = here, .port = 6784});
  CHECK(hex_at(message, 48, 4) == bare("1a80 ffff"));
  CHECK(hex_at(message, 16 + 160, 2) == "0001");
  CHECK(message.size() == 184);
}

TEST_CASE("policies are installed, replaced, listed and removed") {
  with_xfrm([](Xfrm& xfrm) {
    IpsecPolicy out{.source = here,
                    .destination = there,
                    .port = 6784,
                    .mark = 0x20000,
                    .priority = 1,
                    .esp = IpsecPolicy::Esp{0x100, 7}};
    IpsecPolicy block{.mark = 0x20000, .priority = 1000};
    IpsecPolicy in{
        .direction = Direction::kIn, .source = there, .destination = here, .port = 6784, .esp = IpsecPolicy::Esp{0, 7}};
    for (const auto& policy : {out, block, in}) xfrm.set(policy);
    CHECK(xfrm.policies().size() == 3);
    out.esp->spi = 0x101;
    xfrm.set(out);
    auto found = xfrm.policies();
    CHECK(found.size() == 3);
    for (const auto& policy : {out, block, in}) CHECK(std::find(found.begin(), found.end(), policy) != found.end());
    for (const auto& policy : {out, block, in}) CHECK(xfrm.remove(policy));
    CHECK_FALSE(xfrm.remove(out));
    CHECK(xfrm.policies().empty());
  });
}

TEST_CASE("an SPI is reserved, found and given back") {
  with_xfrm([](Xfrm& xfrm) {
    auto spi = xfrm.reserve_spi(there, here, 7);
    CHECK(spi >= 0x100);
    auto all = xfrm.associations();
    REQUIRE(all.size() == 1);
    CHECK(all[0] == EspAssociation{.source = there, .destination = here, .spi = spi, .reqid = 7});
    CHECK(xfrm.find(here, spi) == all[0]);
    CHECK(xfrm.remove(here, spi));
    CHECK_FALSE(xfrm.remove(here, spi));
    CHECK_FALSE(xfrm.find(here, spi));
  });
}

TEST_CASE("the test for ESP leaves no association") {
  with_xfrm([](Xfrm& xfrm) {
    try {
      xfrm.probe();
      xfrm.install({.source = here, .destination = there, .spi = 0x100, .reqid = 7}, Secret(size_t{36}));
      CHECK_THROWS_AS(xfrm.install({.source = here, .destination = there, .spi = 0x100}, Secret(size_t{36})), Error);
      CHECK(xfrm.remove(there, 0x100));
    } catch (const Error& error) {
      CHECK_THAT(error.what(), Catch::Matchers::StartsWith("cannot make an association: "));
    }
    CHECK(xfrm.associations().empty());
  });
}
