// Whole meshes under everything that goes wrong. A failure names its seed; WEAVE_SIM_SEED=<seed> replays it.
#include <catch2/catch.hpp>

#include "sim/cluster.hpp"

using namespace weave;
using namespace weave::sim;
using namespace std::chrono_literals;

namespace {

void check_all_well(Cluster& cluster) {
  REQUIRE(cluster.unsettled() == "");
  REQUIRE(cluster.wrong_routes() == "");
  REQUIRE(cluster.wrong_broadcasts() == "");
}

// What a calm mesh says to itself: per peer and half minute, heartbeats and complete gossip to some neighbours.
void check_calm(Cluster& cluster) {
  auto before = cluster.total();
  cluster.run(60s);
  auto said = cluster.total() - before;
  size_t bound = 0;
  for (size_t i = 0; i < cluster.size(); ++i)
    if (cluster.alive(i)) {
      auto neighbours = cluster.mesh(i).connections().size();
      auto some = std::min<size_t>(neighbours, static_cast<size_t>(2 * std::log2(cluster.size())));
      bound += 3 * (neighbours + some);
    }
  INFO(said.messages << " messages in a calm minute");
  REQUIRE(said.messages <= bound);
}

}  // namespace

TEST_CASE("after a cold start every peer knows every other") {
  auto [peers, full, seeds] = GENERATE(std::tuple(3, true, 20), std::tuple(10, true, 5), std::tuple(30, true, 1),
                                       std::tuple(30, false, 3), std::tuple(100, false, 1));
  for (int s = 1; s <= seeds; ++s) {
    auto seed = seed_or(static_cast<uint64_t>(s));
    INFO(peers << (full ? " peers, full mesh" : " peers, sparse") << ", WEAVE_SIM_SEED=" << seed);
    Cluster cluster(static_cast<size_t>(peers), {.seed = seed});
    if (full)
      cluster.want_full_mesh();
    else
      cluster.want_ring(static_cast<size_t>(peers));
    cluster.run_until_settled(120s);
    check_all_well(cluster);
    check_calm(cluster);
  }
}

TEST_CASE("255 peers know each other after a cold start") {
  auto seed = seed_or(1);
  INFO("WEAVE_SIM_SEED=" << seed);
  Cluster cluster(255, {.seed = seed});
  cluster.want_ring(100);
  cluster.run_until_settled(120s);
  REQUIRE(cluster.unsettled() == "");
  REQUIRE(cluster.wrong_broadcasts() == "");
}

TEST_CASE("flapping connections leave no state") {
  auto [peers, seeds] = GENERATE(std::tuple(3, 20), std::tuple(10, 10), std::tuple(30, 2));
  for (int s = 1; s <= seeds; ++s) {
    auto seed = seed_or(static_cast<uint64_t>(s));
    INFO(peers << " peers, WEAVE_SIM_SEED=" << seed);
    Cluster cluster(static_cast<size_t>(peers), {.seed = seed, .clock_skew = 1h, .clock_drift = 0.01});
    cluster.want_ring(static_cast<size_t>(peers));
    for (int i = 0; i < 50; ++i) {
      cluster.run(milliseconds(cluster.random()() % 1000));
      cluster.cut_random();
    }
    cluster.run_until_settled(120s);
    check_all_well(cluster);
  }
}

TEST_CASE("each side of a partition forgets the other, and knows it again after healing") {
  auto [peers, seeds] = GENERATE(std::tuple(10, 5), std::tuple(30, 1));
  for (int s = 1; s <= seeds; ++s) {
    auto seed = seed_or(static_cast<uint64_t>(s));
    INFO(peers << " peers, WEAVE_SIM_SEED=" << seed);
    Cluster cluster(static_cast<size_t>(peers), {.seed = seed});
    cluster.want_full_mesh();
    cluster.run_until_settled(60s);
    REQUIRE(cluster.unsettled() == "");
    std::vector<int> side;
    for (int i = 0; i < peers; ++i) side.push_back(i % 3 == 0);
    cluster.partition(side);
    cluster.run(100s);
    for (size_t i = 0; i < cluster.size(); ++i) {
      auto known = cluster.mesh(i).peers().table().size();
      REQUIRE(known == static_cast<size_t>(std::count(side.begin(), side.end(), side[i])));
    }
    cluster.heal();
    cluster.run_until_settled(120s);
    check_all_well(cluster);
  }
}

TEST_CASE("crashed peers are forgotten, restarted peers get a higher version") {
  auto [peers, seeds] = GENERATE(std::tuple(3, 20), std::tuple(10, 10), std::tuple(30, 1));
  for (int s = 1; s <= seeds; ++s) {
    auto seed = seed_or(static_cast<uint64_t>(s));
    INFO(peers << " peers, WEAVE_SIM_SEED=" << seed);
    Cluster cluster(static_cast<size_t>(peers), {.seed = seed, .clock_skew = 10min, .clock_drift = 0.01});
    cluster.want_full_mesh();
    cluster.run_until_settled(60s);
    for (int i = 0; i < 20; ++i) {
      cluster.run(milliseconds(cluster.random()() % 5000));
      auto victim = cluster.random()() % cluster.size();
      if (cluster.alive(victim))
        cluster.crash(victim, cluster.random()() % 2);
      else
        cluster.restart(victim);
    }
    cluster.run(70s);
    cluster.run_until_settled(120s);
    check_all_well(cluster);
    for (size_t i = 0; i < cluster.size(); ++i) cluster.restart(i);
    cluster.run_until_settled(120s);
    check_all_well(cluster);
  }
}

TEST_CASE("with slow sockets waiting gossip is merged, and all peers agree in the end") {
  for (uint64_t s = 1; s <= 3; ++s) {
    auto seed = seed_or(s);
    INFO("WEAVE_SIM_SEED=" << seed);
    Cluster cluster(12, {.seed = seed, .stall = 10s});
    cluster.want_full_mesh();
    for (int i = 0; i < 20; ++i) {
      cluster.run(milliseconds(cluster.random()() % 2000));
      cluster.cut_random();
    }
    cluster.run_until_settled(180s);
    REQUIRE(cluster.unsettled() == "");
    REQUIRE(cluster.wrong_routes() == "");
  }
}

TEST_CASE("all peers agree after all kinds of faults at once") {
  for (uint64_t s = 1; s <= 5; ++s) {
    auto seed = seed_or(s);
    INFO("WEAVE_SIM_SEED=" << seed);
    Cluster cluster(20, {.seed = seed, .delay_max = 300ms, .clock_skew = 1h, .clock_drift = 0.02});
    cluster.want_ring(15);
    for (int i = 0; i < 60; ++i) {
      cluster.run(milliseconds(cluster.random()() % 3000));
      auto peer = cluster.random()() % cluster.size();
      switch (cluster.random()() % 6) {
        case 0:
          cluster.crash(peer, true);
          break;
        case 1:
          cluster.crash(peer, false);
          break;
        case 2:
          cluster.heal();
          break;
        case 3: {
          std::vector<int> side;
          for (size_t k = 0; k < cluster.size(); ++k) side.push_back(static_cast<int>(cluster.random()() % 2));
          cluster.partition(side);
          break;
        }
        default:
          cluster.cut_random();
      }
      if (cluster.random()() % 2) cluster.restart(cluster.random()() % cluster.size());
    }
    cluster.heal();
    for (size_t i = 0; i < cluster.size(); ++i) cluster.restart(i);
    cluster.run(70s);
    cluster.run_until_settled(180s);
    check_all_well(cluster);
    check_calm(cluster);
  }
}
