#include "base/process.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

using namespace weave;

TEST_CASE("output, errors, status and input of a child") {
  auto finished = run({"sh", "-c", "cat; echo bad >&2; exit 3"}, std::string(200000, 'x'));
  CHECK(finished.status == 3);
  CHECK(finished.output.size() == 200000);
  CHECK(finished.errors == "bad\n");
}

TEST_CASE("a program that isn't there is status 127") {
  CHECK(run({"no-such-program-here"}).status == 127);
}

TEST_CASE("a killed child is 128 + signal") {
  CHECK(run({"sh", "-c", "kill -9 $$"}).status == 137);
}

TEST_CASE("run_checked tells the program's own words") {
  REQUIRE_THROWS_WITH(run_checked({"sh", "-c", "echo no such thing >&2; exit 2"}), Catch::Contains("no such thing"));
}
