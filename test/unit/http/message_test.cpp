#include <catch2/catch.hpp>

#include "http/http.hpp"

using namespace weave;

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
