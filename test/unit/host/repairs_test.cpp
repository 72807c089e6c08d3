#include "host/repairs.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

using namespace weave;
using namespace weave::host;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  Repairs::Clock::time_point now = Repairs::Clock::time_point{} + 1h;
  Repairs repairs{[this] { return now; }};
};

}  // namespace

TEST_CASE("the first repairs of an item are made at once, then ever less often") {
  Fixture f;
  for (int i = 0; i < Repairs::kAtOnce; ++i) CHECK(f.repairs.attempt("rules", [] {}));
  CHECK(f.repairs.attempt("rules", [] {}));
  CHECK_FALSE(f.repairs.due("rules"));
  CHECK_FALSE(f.repairs.attempt("rules", [] { FAIL(); }));
  f.now += 10s;
  CHECK(f.repairs.attempt("rules", [] {}));
  f.now += 19s;
  CHECK_FALSE(f.repairs.due("rules"));
  f.now += 1s;
  CHECK(f.repairs.due("rules"));
  for (int i = 0; i < 10; ++i) f.repairs.note("rules");
  f.now += 60s;
  CHECK(f.repairs.due("rules"));
  CHECK(f.repairs.due("bridge"));  // each for itself
}

TEST_CASE("repairs of an item are forgotten after a time without any") {
  Fixture f;
  for (int i = 0; i < 6; ++i) f.repairs.note("rules");
  f.now += Repairs::kForget + 1s;
  for (int i = 0; i < Repairs::kAtOnce; ++i) CHECK(f.repairs.attempt("rules", [] {}));
}

TEST_CASE("a repair that fails is not noted") {
  Fixture f;
  CHECK_THROWS_AS(f.repairs.attempt("bridge", [] { throw Error("no"); }), Error);
  CHECK(f.repairs.recent().empty());
  CHECK(f.repairs.due("bridge"));
}

TEST_CASE("repairs of the last hour are listed with their number") {
  Fixture f;
  f.repairs.note("bridge weave");
  f.repairs.note("bridge weave");
  f.repairs.note("port vethwl1");
  auto recent = f.repairs.recent();
  REQUIRE(recent.size() == 2);
  CHECK(recent[0].item == "port vethwl1");
  CHECK(recent[1].times == 2);
  f.now += Repairs::kShown;
  CHECK(f.repairs.recent().empty());
}

TEST_CASE("usual changes are not listed, but not repaired without a pause either") {
  Fixture f;
  for (int i = 0; i <= Repairs::kAtOnce; ++i) f.repairs.note("rules", Repairs::Why::kUsual);
  CHECK(f.repairs.recent().empty());
  CHECK_FALSE(f.repairs.due("rules"));
}

TEST_CASE("the number of remembered items is limited") {
  Fixture f;
  for (int i = 0; i < 3000; ++i) f.repairs.note("port " + std::to_string(i));
  CHECK(f.repairs.recent().size() == Repairs::kMostItems);
}
