#include "base/error.hpp"

#include <catch2/catch.hpp>

#include "base/failures.hpp"

using namespace weave;

TEST_CASE("an error of errno has its code, its kind and its text") {
  auto error = errno_error("cannot open x", ENOENT);
  CHECK(error.what() == std::string("cannot open x: No such file or directory"));
  CHECK(error.code() == ENOENT);
  CHECK(error.kind() == ErrorKind::kNotFound);
  CHECK(errno_error("x", EACCES).kind() == ErrorKind::kPermission);
  CHECK(errno_error("x", ECONNREFUSED).kind() == ErrorKind::kUnavailable);
  CHECK(errno_error("x", E2BIG).kind() == ErrorKind::kFailed);
}

TEST_CASE("an error with a cause keeps the cause's kind, code and hint") {
  auto cause = Error::with_code("no rights", EPERM, "be root");
  auto error = Error::because("cannot attach", cause);
  CHECK(error.what() == std::string("cannot attach: no rights"));
  CHECK(error.kind() == ErrorKind::kPermission);
  CHECK(error.code() == EPERM);
  CHECK(error.hint() == "be root");
  REQUIRE(error.cause() != nullptr);
  CHECK(error.cause()->what() == std::string("no rights"));
}

TEST_CASE("clean-up goes on after a failure and reports all of them") {
  Failures failures;
  bool reached = false;
  CHECK_FALSE(failures.attempt([] { throw Error("first"); }));
  CHECK(failures.attempt([&] { reached = true; }));
  CHECK_FALSE(failures.attempt([] { throw std::runtime_error("second"); }));
  CHECK(reached);
  CHECK(failures.texts().size() == 2);
  CHECK_THROWS_WITH(failures.throw_if_any(), "first; second");
}

TEST_CASE("clean-up without a failure throws nothing") {
  Failures failures;
  failures.attempt([] {});
  CHECK(failures.empty());
  CHECK_NOTHROW(failures.throw_if_any());
}
