#include <catch2/catch.hpp>

#include "address/ip.hpp"
#include "address/ipv4.hpp"
#include "address/mac.hpp"
#include "base/hex.hpp"
#include "unit/vectors.hpp"

using namespace weave;

TEST_CASE("IPv4 parse accepts four decimal groups and nothing else") {
  CHECK(Ipv4::parse("10.32.0.1")->value == 0x0a200001);
  for (auto bad : {"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2..3", "-1.2.3.4",
                   "1.2.3.4/8"})
    CHECK_FALSE(Ipv4::parse(bad));
}

TEST_CASE("CIDR keeps its host part and knows its ranges") {
  auto cidr = *Cidr::parse("10.32.0.5/12");
  CHECK(cidr.str() == "10.32.0.5/12");
  CHECK(cidr.masked().str() == "10.32.0.0/12");
  CHECK(cidr.broadcast().str() == "10.47.255.255");
  CHECK(cidr.host_range().start.str() == "10.32.0.1");
  CHECK(cidr.host_range().end.str() == "10.47.255.255");
  CHECK(Cidr::parse("0.0.0.0/0")->range().size() == UINT32_MAX);
  for (auto bad : {"10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "10.0.0.0/8x", "10.0.0.0/08"})
    CHECK_FALSE(Cidr::parse(bad));
}

TEST_CASE("CIDR overlap is symmetric") {
  auto big = *Cidr::parse("10.0.0.0/8"), small = *Cidr::parse("10.2.1.0/24"), other = *Cidr::parse("11.0.0.0/8");
  CHECK(big.overlaps(small));
  CHECK(small.overlaps(big));
  CHECK_FALSE(other.overlaps(small));
}

TEST_CASE("MAC and peer name round trip") {
  auto name = *PeerName::parse("12:d2:fe:7a:c1:f2");
  CHECK(name.value == 0x12d2fe7ac1f2);
  CHECK(name.str() == "12:d2:fe:7a:c1:f2");
  for (auto bad : {"", "12:d2:fe:7a:c1", "12:d2:fe:7a:c1:f2:00", "12-d2-fe-7a-c1-f2", "1g:d2:fe:7a:c1:f2"})
    CHECK_FALSE(Mac::parse(bad));
}

TEST_CASE("peer names are parsed as by Weave Net, except for forms that it accepts by accident") {
  auto vectors = test::vectors("mesh/peer-names.json");
  for (const auto& c : vectors.at("from_text")) {
    auto input = c.at("input").get<std::string>();
    INFO(input);
    auto name = PeerName::parse(input);
    bool blank = input.find_first_of(std::string_view(" \0", 2)) != input.npos;
    if (c.contains("error") || blank) {
      REQUIRE_FALSE(name);
      CHECK(name.error() == c.value("error", "invalid peer name format: \"" + input + "\""));
      CHECK_FALSE(PeerName::parse_full(input));
    } else {
      REQUIRE(name);
      CHECK(name->str() == c.at("text").get<std::string>());
      CHECK(std::to_string(name->value) == c.at("uint").get<std::string>());
      CHECK(PeerName::parse_full(input).has_value() == (input.size() == 17));
      CHECK(PeerName::parse_full(name->str()) == name);
    }
  }
  for (const auto& c : vectors.at("from_bytes")) {
    auto bytes = *from_hex(c.at("bytes_hex").get<std::string>());
    INFO(bytes.size());
    auto name = PeerName::from_bytes(bytes);
    CHECK(name.has_value() == (bytes.size() == 6));
    if (name) CHECK(name->str() == c.at("text").get<std::string>());
  }
}

TEST_CASE("a peer name has one gap at most, and no empty group beside it") {
  for (auto bad :
       {"1::2::3", "1:::2", ":::1", "1:::", ":1:2:3:4:5", "1:2:3:4:5:", "::100", "::1 ", ":", ":::", "::::::"})
    CHECK_FALSE(PeerName::parse(bad));
}

TEST_CASE("ranges are covered by the fewest subnets") {
  auto cidrs = [](std::vector<std::pair<const char*, const char*>> ranges) {
    std::vector<Ipv4Range> in;
    for (auto [start, end] : ranges) in.push_back({Ipv4::parse(start).value(), Ipv4::parse(end).value()});
    std::string out;
    for (const auto& one : to_cidrs(in)) out += one.str() + " ";
    return out;
  };
  CHECK(cidrs({}).empty());
  CHECK(cidrs({{"10.32.0.0", "10.32.0.0"}}).empty());
  CHECK(cidrs({{"10.32.0.0", "10.48.0.0"}}) == "10.32.0.0/12 ");
  CHECK(cidrs({{"10.32.0.0", "10.40.0.0"}, {"10.40.0.0", "10.48.0.0"}}) == "10.32.0.0/12 ");
  CHECK(cidrs({{"10.0.0.1", "10.0.0.6"}}) == "10.0.0.1/32 10.0.0.2/31 10.0.0.4/31 ");
  CHECK(cidrs({{"10.0.0.0", "10.0.0.3"}, {"10.0.0.8", "10.0.0.9"}}) == "10.0.0.0/31 10.0.0.2/32 10.0.0.8/32 ");
  CHECK(cidrs({{"0.0.0.0", "255.255.255.255"}}).starts_with("0.0.0.0/1 128.0.0.0/2 "));
}

TEST_CASE("IP addresses are parsed and printed") {
  CHECK(Ip::parse("10.0.0.1")->str() == "10.0.0.1");
  CHECK(Ip::parse("10.0.0.1")->v4() == Ipv4{0x0a000001});
  CHECK(Ip::parse("FD00::0001")->str() == "fd00::1");
  CHECK(Ip::parse("fe80::1%eth0")->str() == "fe80::1%eth0");
  for (auto bad : {"", "10.0.0", "10.0.0.1.2", "host", "10.0.0.1%eth0", "fe80::1%", "[fd00::1]"}) {
    INFO(bad);
    CHECK_FALSE(Ip::parse(bad));
  }
  CHECK_FALSE(Ip::parse(std::string_view("10.0.0.1\0x", 10)));
  CHECK_FALSE(Ip::parse("fe80::1%eth0]:6783"));
  CHECK_FALSE(Ip::parse("fe80::1%" + std::string(16, 'x')));
}

TEST_CASE("IPv4 in IPv6 form is IPv4") {
  CHECK(Ip::parse("::ffff:10.0.0.1") == Ip(Ipv4{0x0a000001}));
  CHECK(Ip::parse("::ffff:10.0.0.1")->is_v4());
  CHECK(Ip::parse("::1")->is_v6());
}

TEST_CASE("IP addresses with a meaning of their own are known") {
  CHECK(Ip().is_unspecified());
  CHECK(Ip::parse("::")->is_unspecified());
  CHECK(Ip::parse("127.1.2.3")->is_loopback());
  CHECK(Ip::parse("::1")->is_loopback());
  CHECK(Ip::parse("224.0.0.251")->is_multicast());
  CHECK(Ip::parse("ff02::1")->is_multicast());
  CHECK(Ip::parse("169.254.0.1")->is_link_local());
  CHECK(Ip::parse("fe80::1")->is_link_local());
  CHECK(Ip::parse("255.255.255.255")->is_broadcast());
  CHECK_FALSE(Ip::parse("10.0.0.1")->is_loopback());
  CHECK_FALSE(Ip::parse("10.0.0.1")->is_link_local());
}

TEST_CASE("IPv4 addresses are ordered before IPv6 addresses") {
  CHECK(*Ip::parse("255.0.0.1") < *Ip::parse("::1"));
  CHECK(*Ip::parse("10.0.0.1") < *Ip::parse("10.0.0.2"));
}
