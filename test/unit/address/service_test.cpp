#include "address/service.hpp"

#include <catch2/catch.hpp>

using namespace weave;

TEST_CASE("an address is read in every documented form") {
  auto [text, want] = GENERATE(table<std::string, std::string>({
      {"/run/x.sock", "unix:///run/x.sock"},
      {"unix:///run/x.sock", "unix:///run/x.sock"},
      {"tcp://127.0.0.1:2375", "127.0.0.1:2375"},
      {"http://10.0.0.1:6784/", "10.0.0.1:6784"},
      {"10.0.0.1:6784", "10.0.0.1:6784"},
      {"localhost:80", "127.0.0.1:80"},
      {":6784", "127.0.0.1:6784"},
      {"[::1]:6784", "[::1]:6784"},
      {"0.0.0.0:0", "0.0.0.0:0"},
  }));
  auto address = ServiceAddress::parse(text);
  INFO(text);
  REQUIRE(address);
  CHECK(address->str() == want);
}

TEST_CASE("what isn't an address is refused with a reason") {
  auto text = GENERATE(as<std::string>(), "", "127.0.0.1", "example.org:80", "::1:80", "1.2.3.4:", "1.2.3.4:65536",
                       "1.2.3.4:8x", "unix://relative", "[1.2.3.4]:80", "/" + std::string(120, 'x'));
  auto address = ServiceAddress::parse(text);
  INFO(text);
  REQUIRE(!address);
  CHECK(address.error().starts_with(text));
}

TEST_CASE("the port of a service may be left out where there is a default") {
  CHECK(ServiceAddress::parse("10.0.0.1", 6784)->str() == "10.0.0.1:6784");
  CHECK(ServiceAddress::parse("10.0.0.1:", 6784)->str() == "10.0.0.1:6784");
  CHECK(ServiceAddress::parse(":7000", 6784)->str() == "127.0.0.1:7000");
  CHECK(ServiceAddress::parse("[::1]", 6784)->str() == "[::1]:6784");
  CHECK(ServiceAddress::parse("[::1]:7000", 6784)->str() == "[::1]:7000");
  CHECK(ServiceAddress::parse("/tmp/x.sock", 6784)->path == "/tmp/x.sock");
  CHECK_FALSE(ServiceAddress::parse("no such:address", 6784));
  CHECK_FALSE(ServiceAddress::parse("unix://relative", 6784));
}

TEST_CASE("a socket address is an IP address and a port") {
  CHECK(SocketAddress::parse("172.17.0.1:53") == SocketAddress{Ip(*Ipv4::parse("172.17.0.1")), 53});
  CHECK(SocketAddress::parse("[::1]:53")->str() == "[::1]:53");
  CHECK(SocketAddress::parse("[fe80::1%eth0]:53")->str() == "[fe80::1%eth0]:53");
  CHECK(SocketAddress::parse(":53")->str() == "0.0.0.0:53");
  CHECK(SocketAddress::parse("1.2.3.4:65535")->port == 65535);
}

TEST_CASE("what isn't a socket address is refused with a reason") {
  auto [text, reason] = GENERATE(table<std::string, std::string>({
      {"", "missing port"},
      {"1.2.3.4", "missing port"},
      {"1.2.3.4:", "bad port"},
      {"1.2.3.4:x", "bad port"},
      {"1.2.3.4:-1", "bad port"},
      {"1.2.3.4:65536", "bad port"},
      {"host:53", "not an address"},
      {"::1:53", "not an address"},
      {"[1.2.3.4]:53", "not an address"},
  }));
  INFO(text);
  CHECK(SocketAddress::parse(text).error() == reason);
}
