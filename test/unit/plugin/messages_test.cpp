#include "plugin/messages.hpp"

#include <catch2/catch.hpp>

using namespace weave::plugin;

TEST_CASE("an empty body, as dockerd's retry sends it, is refused as EOF") {
  CHECK(decode<RequestAddress>("").error() == "EOF");
  CHECK(decode<CreateEndpoint>(" \n").error() == "EOF");
}

TEST_CASE("CreateNetwork carries the user's options and the pools") {
  auto message = decode<CreateNetwork>(
      R"({"NetworkID":"n","Options":{"com.docker.network.enable_ipv6":false,"com.docker.network.internal":true,)"
      R"("com.docker.network.generic":{"works.weave.multicast":""}},"IPv4Data":[{"AddressSpace":"weavelocal",)"
      R"("AuxAddresses":{"x":"10.35.0.9/16"},"Gateway":"10.35.0.1/16","Pool":"10.35.0.0/16"}],"IPv6Data":null})");
  REQUIRE(message);
  CHECK(message->options == Options{{"works.weave.multicast", ""}});
  REQUIRE(message->ipv4.size() == 1);
  CHECK(message->ipv4[0].pool == "10.35.0.0/16");
  CHECK(message->ipv4[0].aux_addresses.at("x") == "10.35.0.9/16");
}

TEST_CASE("field names are matched exactly and unknown ones skipped") {
  auto message = decode<Join>(R"({"networkid":"a","NetworkID":"b","More":[1]})");
  REQUIRE(message);
  CHECK(message->network == "b");
}

TEST_CASE("malformed bodies are refused with the reason") {
  CHECK(decode<Join>(R"({"NetworkID":1})").error() == "field NetworkID is not a string");
  CHECK(decode<RequestPool>(R"({"V6":"yes"})").error() == "field V6 is not a boolean");
  CHECK(decode<CreateNetwork>(R"({"IPv4Data":[1]})").error() == "field IPv4Data is not an array of objects");
  CHECK(decode<Join>("[]").error() == "not a JSON object");
  CHECK(decode<Join>("{\"a\":\"\xff\"}").error() == "not valid JSON");
  CHECK_FALSE(decode<Join>("{} {}"));
  CHECK(decode<Join>(std::string(2000, '[')).error() == "nested deeper than 32 levels");
  CHECK(decode<Join>("{\"a\":\"" + std::string(kMaxBody, 'x') + "\"}").error() == "longer than 1048576 bytes");
}

TEST_CASE("brackets inside strings don't count as nesting") {
  CHECK(decode<Join>("{\"a\":\"" + std::string(100, '[') + "\\\"" + std::string(100, '[') + "\"}"));
}

TEST_CASE("a request for the gateway's address is recognized") {
  CHECK(decode<RequestAddress>(R"({"PoolID":"p","Options":{"RequestAddressType":"com.docker.network.gateway"}})")
            ->gateway);
  CHECK_FALSE(decode<RequestAddress>(R"({"PoolID":"p","Options":null})")->gateway);
}
