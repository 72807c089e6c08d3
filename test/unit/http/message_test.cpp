#include <catch2/catch.hpp>

#include "http/http.hpp"

using namespace weave;
using http::Address;

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
  auto address = Address::parse(text);
  INFO(text);
  REQUIRE(address);
  CHECK(address->str() == want);
}

TEST_CASE("invalid addresses are refused with a reason") {
  auto text = GENERATE(as<std::string>(), "", "127.0.0.1", "example.org:80", "::1:80", "1.2.3.4:", "1.2.3.4:65536",
                       "1.2.3.4:8x", "unix://relative", "[1.2.3.4]:80", "/" + std::string(120, 'x'));
  auto address = Address::parse(text);
  INFO(text);
  REQUIRE(!address);
  CHECK(address.error().starts_with(text));
}

TEST_CASE("form fields come from the body first, then from the query") {
  http::Request request{.method = "POST",
                        .target = "/name/x?fqdn=query&a=%41+b",
                        .headers = {{"content-type", "application/x-www-form-urlencoded; charset=utf-8"}},
                        .body = "fqdn=body.weave.local&bad=%zz&empty=&bare&&"};
  CHECK(request.path() == "/name/x");
  CHECK(request.form() ==
        http::Fields{{"fqdn", "body.weave.local"}, {"empty", ""}, {"bare", ""}, {"fqdn", "query"}, {"a", "A b"}});
  CHECK(request.field("fqdn") == "body.weave.local");
  CHECK(!request.field("none"));
  request.method = "DELETE";
  CHECK(request.field("fqdn") == "query");
}

TEST_CASE("percent-encoding survives a round trip and refuses bad escapes") {
  CHECK(http::percent_encode("a b/c%\xff~") == "a%20b%2Fc%25%FF~");
  CHECK(http::percent_decode("a%20b%2fc%25%FF~+") == "a b/c%\xff~+");
  CHECK(!http::percent_decode("%"));
  CHECK(!http::percent_decode("%4"));
  CHECK(!http::percent_decode("%4g"));
}
