#include "overlay/sleeve/mtu_search.hpp"

#include <catch2/catch.hpp>

#include "unit/vectors.hpp"

using namespace weave::overlay;
using namespace std::chrono_literals;
using Time = MtuSearch::Time;

TEST_CASE("the search tries the sizes that Weave Net tries") {
  auto vectors = weave::test::vectors("overlay/sleeve-mtu-search.json");
  size_t checked = 0;
  for (const auto& c : vectors.at("cases")) {
    auto overhead = c.at("overhead").get<uint16_t>();
    int true_mtu = c.at("true_path_mtu").get<int>();
    INFO("kernel " << c.at("kernel_pmtu") << " path " << true_mtu << " overhead " << overhead);
    // Weave Net's fault: it takes 552 for good on paths that don't carry it.
    if (c.at("final_mtu").get<int>() + overhead > true_mtu) continue;
    MtuSearch search(overhead);
    Time now{};
    CHECK(search.mtu() == 65535);
    search.too_big(c.at("kernel_pmtu").get<int>(), now);
    CHECK(search.mtu() == c.at("start").at("mtu_while_testing").get<int>());
    CHECK(search.max_payload() == c.at("start").at("max_payload_while_testing").get<int>());
    for (const auto& candidate : c.at("candidates")) {
      int tests = 0;
      bool passes = candidate.at(1).get<bool>();
      auto size = search.take_test();
      REQUIRE(size);
      CHECK(*size == candidate.at(0).get<int>());
      CHECK(passes == (*size + overhead <= true_mtu));
      if (passes) {
        search.verified(static_cast<uint16_t>(*size - 1), now);  // a late answer to another test
        search.verified(*size, now);
        continue;
      }
      auto started = now;
      for (;;) {
        ++tests;
        now = search.next_tick();
        search.tick(now);
        if (tests == 8) break;
        REQUIRE(search.take_test() == size);
      }
      CHECK(now - started == 2550ms);
    }
    CHECK_FALSE(search.searching());
    CHECK(search.next_tick() == Time::max());
    CHECK(search.mtu() == c.at("final_mtu").get<int>());
    CHECK(search.max_payload() == c.at("final_max_udp_payload").get<int>());
    ++checked;
  }
  CHECK(checked > 30);
}

TEST_CASE("a failing path below the floor never raises the MTU") {
  MtuSearch search(62);
  Time now{};
  search.too_big(576, now);
  while (search.searching()) {
    search.take_test();
    now = search.next_tick();
    search.tick(now);
  }
  CHECK(search.mtu() == 514);
}

TEST_CASE("an absurd path MTU is tolerated") {
  for (int mtu : {-5, 0, 1, 61, 100000}) {
    MtuSearch search(86);
    search.too_big(mtu, Time{});
    CHECK(search.mtu() >= 68);
    CHECK(search.take_test());
  }
}

TEST_CASE("a smaller path MTU restarts a search in progress, a larger one doesn't") {
  MtuSearch search(62);
  search.too_big(1500, Time{});
  CHECK(search.take_test() == 1438);
  search.too_big(1500, Time{});
  CHECK_FALSE(search.take_test());
  search.too_big(1400, Time{});
  CHECK(search.take_test() == 1338);
}
