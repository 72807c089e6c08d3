#include "ipam/parse.hpp"

#include <catch2/catch.hpp>

using namespace weave;
using namespace weave::ipam;

TEST_CASE("subnets are refused in the words of Weave Net") {
  CHECK(parse_subnet("10.33.0.0/16")->str() == "10.33.0.0/16");
  CHECK(parse_subnet("10.33.1.0/30"));
  CHECK(parse_subnet("10.33.1.0/31").error() == "invalid subnet - smaller than minimum size 4: 10.33.1.0/31");
  CHECK(parse_subnet("10.33.1.1/24").error() ==
        "invalid subnet - bits after network prefix are not all zero: 10.33.1.1/24");
  CHECK(parse_subnet("10.33.1.1/31").error() == "invalid subnet - smaller than minimum size 4: 10.33.1.1/31");
  CHECK(parse_subnet("0.0.0.0/0").error() == "invalid subnet - smaller than minimum size 4: 0.0.0.0/0");
  CHECK(parse_subnet("10.99.0.0/33").error() == "invalid CIDR address: 10.99.0.0/33");
  CHECK(parse_subnet("foo/24").error() == "invalid CIDR address: foo/24");
  CHECK(parse_subnet("fe80::/64").error() == "invalid Non-IPv4 address not supported: fe80::/64");
  CHECK(parse_subnet("fe80::/129").error() == "invalid CIDR address: fe80::/129");
  CHECK(parse_subnet("fe80::/").error() == "invalid CIDR address: fe80::/");
}

TEST_CASE("claims may have host bits, releases may be IPv6") {
  CHECK(parse_cidr("10.32.0.7/0")->str() == "10.32.0.7/0");
  CHECK(parse_cidr("10.32.0.7/xx").error() == "invalid CIDR address: 10.32.0.7/xx");
  CHECK(parse_address("10.32.0.7")->str() == "10.32.0.7");
  CHECK(parse_address("::1")->str() == "0.0.0.0");
  CHECK(parse_address("bogus").error() == "invalid IP Address: bogus");
}

TEST_CASE("the modes of the first division are parsed") {
  CHECK_FALSE(parse_init("")->observer);
  CHECK(parse_init("observer")->observer);
  CHECK(parse_init("consensus")->expected == 0);
  CHECK(parse_init("consensus=5")->expected == 5);
  CHECK(parse_init("consensus=0")->expected == 0);
  CHECK(parse_init("consensus=-1")->expected == 0);
  CHECK(parse_init("seed=::1,02:00:00:00:00:02")->seed == std::vector{PeerName{1}, PeerName{0x020000000002}});
  CHECK(parse_init("seed=")->seed.empty());
  CHECK(parse_init("seed").error() == "seed mode requires peer name list");
  CHECK(parse_init("seed=zz").error() ==
        "bad seed parameter: error parsing peer names: invalid peer name format: \"zz\"");
  CHECK(parse_init("observer=1").error() == "observer mode takes no parameter");
  CHECK(parse_init("consensus=x").error().starts_with("bad consensus parameter: "));
  CHECK(parse_init("foo").error() == "unknown mode: foo");
}
