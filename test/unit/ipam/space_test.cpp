#include "ipam/space.hpp"

#include <catch2/catch.hpp>

#include "unit/ipam/vectors.hpp"

using namespace weave;
using namespace weave::ipam;

TEST_CASE("the biggest CIDR block equals that of Weave Net") {
  for (const auto& v : vectors("ipam/space.json", "biggest_cidr_in_range")) {
    INFO(v.dump());
    CHECK(biggest_cidr(range(v["range"])) == range(v["biggest_cidr"]));
  }
}

TEST_CASE("operations on the space give the results of Weave Net") {
  for (const auto& v : vectors("ipam/space.json", "sequences")) {
    Space space;
    CHECK(space.update(ranges(v["initial_ranges"])).empty());
    for (const auto& step : v["steps"]) {
      INFO(step.dump());
      auto error = step.contains("error") && step["error"].is_string() ? text(step["error"]) : "";
      if (text(step["op"]) == "allocate") {
        auto address = space.allocate(range(step["range"]));
        CHECK(address.has_value() == step["ok"].get<bool>());
        if (address) CHECK(address->str() == text(step["address"]));
      } else if (text(step["op"]) == "claim") {
        CHECK(reason(space.claim(ip(step["address"]))) == error);
      } else if (text(step["op"]) == "free") {
        CHECK(reason(space.free(ip(step["address"]))) == error);
      } else {
        auto block = space.donate(range(step["range"]));
        CHECK(block.has_value() == step["ok"].get<bool>());
        if (block) CHECK(*block == range(step["donated"]));
      }
      CHECK(space.free_count() == step["free_total"].get<uint32_t>());
      CHECK(space.used_count() == step["used_total"].get<uint32_t>());
    }
    CHECK(space.owned().runs() == ranges(v["ranges_at_end"]));
  }
}

TEST_CASE("an address in use stays in use when the ring gives it to another peer") {
  Space space;
  space.update(std::vector{range("10.0.0.0-10.0.0.16")});
  REQUIRE(space.claim(ip("10.0.0.9")));
  REQUIRE(space.claim(ip("10.0.0.1")));
  CHECK(space.update(std::vector{range("10.0.0.0-10.0.0.8")}) == std::vector{range("10.0.0.9-10.0.0.10")});
  CHECK(space.used_count() == 2);
  CHECK(space.active_count() == 1);
  CHECK(space.free_count() == 7);
  SECTION("and leaves the space when it is released") {
    CHECK(space.free(ip("10.0.0.9")));
    CHECK(space.free_count() == 7);
    CHECK_FALSE(space.claim(ip("10.0.0.9")));
  }
  SECTION("and is not allocated when its range comes back") {
    CHECK(space.update(std::vector{range("10.0.0.0-10.0.0.16")}).empty());
    CHECK(space.free_count() == 14);
    CHECK_FALSE(space.claim(ip("10.0.0.9")));
  }
}

TEST_CASE("range sets agree with a set of numbers") {
  uint32_t seed = 7;
  auto random = [&](uint32_t below) {
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
  };
  RangeSet set;
  std::set<uint32_t> model;
  for (int step = 0; step < 3000; ++step) {
    Ipv4 start{random(100)};
    Ipv4Range r{start, start + random(9)};
    bool add = random(2);
    for (Ipv4 a = r.start; a < r.end; a = a + 1) add ? (void)model.insert(a.value) : (void)model.erase(a.value);
    add ? set.add(r) : set.remove(r);
    REQUIRE(set.size() == model.size());
    Ipv4Range window{{random(60)}, {60 + random(60)}};
    auto low = model.lower_bound(window.start.value), high = model.lower_bound(window.end.value);
    REQUIRE(set.size(window) == static_cast<uint32_t>(std::distance(low, high)));
    auto first = set.first(window);
    REQUIRE(first.has_value() == (low != high));
    if (first) REQUIRE(first->value == *low);
    REQUIRE(set.contains(window.start) == model.contains(window.start.value));
    auto runs = set.runs();
    for (size_t i = 1; i < runs.size(); ++i) REQUIRE(runs[i - 1].end < runs[i].start);
  }
}
