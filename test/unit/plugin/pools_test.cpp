#include "plugin/pools.hpp"

#include <catch2/catch.hpp>

using namespace weave;
using namespace weave::plugin;

namespace {
Cidr cidr(const char* text) {
  return *Cidr::parse(text);
}
const Cidr kRange = cidr("10.32.0.0/12");
}  // namespace

TEST_CASE("pool ids keep the format that Docker stored") {
  auto id = request_pool("10.33.1.5/16", "10.33.5.0/24", kRange);
  REQUIRE(id);
  CHECK(id->str() == "weave-10.33.0.0/16-10.33.5.0/24");
  CHECK(*PoolId::parse(id->str(), kRange) == *id);
  CHECK(PoolId::parse("weavepool", kRange)->subnet == kRange);
  for (const char* bad :
       {"", "weave-", "weave-10.32.0.0/12", "bridge-10.32.0.0/12-10.32.0.0/12", "weave-fd00::/64-fd00::/64"})
    CHECK_FALSE(PoolId::parse(bad, kRange));
}

TEST_CASE("a subnet outside the range is refused with a reason") {
  CHECK(request_pool("192.168.77.0/24", "", kRange).error() ==
        "subnet 192.168.77.0/24 is outside Weave's allocation range 10.32.0.0/12: choose one inside, or launch Weave "
        "with an "
        "--ipalloc-range that includes it");
  CHECK(request_pool("10.33.0.0/16", "10.34.0.0/24", kRange).error() ==
        "IP range 10.34.0.0/24 isn't inside subnet 10.33.0.0/16");
  CHECK_FALSE(request_pool("fd00:1::/64", "", kRange));
  CHECK_FALSE(request_pool("10.33.0.0/31", "", kRange));
  CHECK(request_pool("10.0.0.0/8", "", kRange));
}

TEST_CASE("a subnet in use is not chosen again, and the choice ends when all are in use") {
  std::vector<Cidr> taken;
  CHECK(choose_subnet(kRange, taken, {}) == kRange);
  taken.push_back(kRange);
  CHECK(choose_subnet(kRange, taken, {}) == cidr("10.32.0.0/24"));
  taken.push_back(cidr("10.32.0.0/24"));
  CHECK(choose_subnet(kRange, taken, {}) == cidr("10.32.1.0/24"));

  const Cidr small = cidr("10.32.0.0/22");
  taken = {};
  size_t count = 0;
  while (auto subnet = choose_subnet(small, taken, {})) {
    REQUIRE(++count < 10);
    taken.push_back(*subnet);
  }
  CHECK(count == 5);
}

TEST_CASE("a subnet that a route of the host overlaps isn't chosen") {
  CHECK_FALSE(choose_subnet(kRange, {}, {kRange}));
  CHECK(choose_subnet(kRange, {}, {cidr("10.32.0.0/23")}) == cidr("10.32.2.0/24"));
}
