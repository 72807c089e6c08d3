#include "supervise/backoff.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using weave::supervise::Backoff;

TEST_CASE("the pause doubles up to its limit") {
  Backoff backoff(500ms, 10s);
  CHECK(backoff.next(0s) == 100ms);
  CHECK(backoff.next(0s) == 200ms);
  CHECK(backoff.next(10s) == 400ms);
  CHECK(backoff.next(0s) == 500ms);
  CHECK(backoff.next(0s) == 500ms);
}

TEST_CASE("the pause is short again after a process that ran long enough") {
  Backoff backoff(500ms, 10s);
  backoff.next(0s);
  backoff.next(0s);
  CHECK(backoff.next(10001ms) == 100ms);
  CHECK(backoff.next(0s) == 200ms);
}
