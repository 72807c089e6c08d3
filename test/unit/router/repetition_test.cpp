#include "router/repetition.hpp"

#include <catch2/catch.hpp>

using namespace weave::router;
using namespace std::chrono_literals;
using Report = Repetition::Report;

TEST_CASE("repairs that repeat are made less often and reported once") {
  Repetition repetition;
  auto now = Repetition::Clock::time_point{} + 1h;
  for (int i = 0; i < Repetition::kAtOnce; ++i) {
    CHECK(repetition.due(now));
    CHECK(repetition.repaired(true, now) == Report::kEach);
  }
  CHECK(repetition.repaired(true, now) == Report::kRepeated);
  CHECK_FALSE(repetition.due(now + 9s));
  CHECK(repetition.due(now + 10s));
  CHECK(repetition.repaired(true, now + 10s) == Report::kNothing);
  CHECK_FALSE(repetition.due(now + 29s));
  for (int i = 0; i < 10; ++i) repetition.repaired(true, now + 30s);
  CHECK(repetition.due(now + 90s));
}

TEST_CASE("repairs are forgotten after a time without any") {
  Repetition repetition;
  auto now = Repetition::Clock::time_point{} + 1h;
  for (int i = 0; i < 6; ++i) repetition.repaired(true, now);
  CHECK(repetition.repaired(false, now + 1min) == Report::kNothing);
  CHECK(repetition.repaired(true, now + 2min) == Report::kNothing);
  repetition.repaired(false, now + 8min);
  CHECK(repetition.repaired(true, now + 9min) == Report::kEach);
}
