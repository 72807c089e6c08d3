// Whole clusters that share out addresses under everything that goes wrong. A failure names its seed;
// WEAVE_SIM_SEED=<seed> replays it; WEAVE_SIM_RUNS=<n> makes n times as many runs.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "sim/cluster.hpp"
#include "sim/ipam_cluster.hpp"

using namespace weave;
using namespace weave::sim;
using namespace std::chrono_literals;

namespace {

// What a test case has been through.
struct Sum {
  uint64_t runs = 0, events = 0, messages = 0, crashes = 0, answers = 0, entries = 0, duplicates = 0;

  void add(IpamCluster& cluster) {
    ++runs;
    events += cluster.events();
    messages += cluster.messages();
    crashes += cluster.crashes();
    answers += cluster.answers();
    duplicates += cluster.duplicates();
    for (size_t i = 0; i < cluster.size(); ++i)
      if (cluster.alive(i)) return void(entries += cluster.allocator(i).ring().entries().size());
  }
};

// Runs `what` with many seeds; the first that goes wrong fails the test, with the seed.
void with_seeds(int runs, const std::function<void(uint64_t seed, Sum& sum)>& what) {
  Sum sum;
  uint64_t first = seed_or(0);
  if (first) runs = 1;
  for (int i = 0; i < runs_or(runs); ++i) {
    uint64_t seed = first ? first : static_cast<uint64_t>(i) + 1;
    try {
      what(seed, sum);
    } catch (const Wrong& wrong) {
      FAIL("WEAVE_SIM_SEED=" << seed << ": " << wrong.what());
    }
    if (first) break;
  }
  if (std::getenv("WEAVE_SIM_RUNS"))
    fmt::print(
        "{} runs: {} events, {} messages, {} crashes within writes, {} answers, {} entries at the end, {} addresses "
        "twice\n",
        sum.runs, sum.events, sum.messages, sum.crashes, sum.answers, sum.entries, sum.duplicates);
}

struct Chaos {
  bool takeovers = false, leaving = false, partitions = true, crashes = true;
};

// What users do, and what goes wrong, for `steps` of up to two seconds.
void live(IpamCluster& cluster, const Cidr& range, int steps, Chaos chaos) {
  int containers = 0;
  std::vector<Cidr> subnets{range};
  if (range.prefix <= 26) subnets.push_back({range.address + 64 % (1u << (32 - range.prefix)), range.prefix + 2});
  std::set<size_t> dead;
  for (int step = 0; step < steps; ++step) {
    cluster.run(milliseconds(cluster.pick(2000)));
    auto peer = cluster.pick(cluster.size());
    switch (cluster.pick(20)) {
      case 0:
      case 1: {
        if (!chaos.partitions) break;
        std::vector<int> side;
        for (size_t i = 0; i < cluster.size(); ++i) side.push_back(static_cast<int>(cluster.pick(2)));
        cluster.partition(side);
        const Duration lengths[] = {10s, 30s, 300s};
        if (cluster.pick(4) == 0) cluster.run(lengths[cluster.pick(3)]);
        break;
      }
      case 2:
      case 3:
        cluster.heal();
        break;
      case 4:
        if (chaos.crashes && cluster.alive(peer)) cluster.crash(peer);
        break;
      case 5:
      case 6:
        if (!dead.contains(peer)) cluster.restart(peer);
        break;
      case 7: {
        if (!chaos.takeovers || dead.size() + 2 >= cluster.size()) break;
        // A host dies, and somebody notices; perhaps the command is given twice.
        if (dead.contains(peer) || !cluster.alive(peer)) break;
        cluster.heal();
        cluster.run(60s);
        cluster.destroy(peer);
        dead.insert(peer);
        auto other = cluster.pick(cluster.size());
        cluster.take_over(other, peer, false);
        cluster.run(milliseconds(cluster.pick(300)));
        cluster.take_over(other, peer, false);
        break;
      }
      case 8: {
        if (dead.empty()) break;
        auto back = *dead.begin();
        dead.erase(dead.begin());
        cluster.restart(back);
        break;
      }
      case 9:
        if (chaos.leaving && step > steps / 2 && cluster.pick(3) == 0 && cluster.alive(peer) && dead.empty()) {
          cluster.heal();
          cluster.run(2s);
          cluster.leave(peer);
          cluster.run(1s);
        }
        break;
      case 10:
      case 11:
      case 12: {
        auto& idents = cluster.containers()[peer];
        if (!idents.empty()) {
          auto one = idents.begin();
          std::advance(one, cluster.pick(idents.size()));
          cluster.release(peer, std::string(*one));
        }
        break;
      }
      case 13:
      case 14: {
        Ipv4 address = range.address + static_cast<uint32_t>(cluster.pick(1u << (32 - range.prefix)));
        cluster.claim(peer, fmt::format("c{}", ++containers), {address, range.prefix});
        break;
      }
      default:
        cluster.allocate(peer, fmt::format("c{}", ++containers), subnets[cluster.pick(subnets.size())]);
    }
  }
  cluster.heal();
  for (size_t i = 0; i < cluster.size(); ++i) cluster.restart(i);
}

void check_all_well(IpamCluster& cluster) {
  cluster.settle(600s);
  cluster.check_everybody_is_served();
}

}  // namespace

TEST_CASE("ipam: a cluster without faults agrees and serves every request") {
  with_seeds(60, [](uint64_t seed, Sum& sum) {
    IpamCluster cluster({.seed = seed, .peers = 1 + seed % 7, .observers = seed % 7 > 3 ? 1u : 0u});
    live(cluster, *Cidr::parse("10.0.0.0/24"), 40, {.partitions = false, .crashes = false});
    check_all_well(cluster);
    sum.add(cluster);
  });
}

TEST_CASE("ipam: invariants hold through partitions and crashes, also in the middle of a write") {
  with_seeds(130, [](uint64_t seed, Sum& sum) {
    IpamCluster cluster({.seed = seed,
                         .peers = 2 + seed % 6,
                         .observers = seed % 6 > 3 ? 1u : 0u,
                         .by_seed = seed % 4 == 0,
                         .crash = seed % 2 ? 0.03 : 0,
                         .full = seed % 3 ? 0 : 0.02});
    live(cluster, *Cidr::parse("10.0.0.0/24"), 60, {});
    check_all_well(cluster);
    sum.add(cluster);
  });
}

TEST_CASE("ipam: invariants hold with a range that is too small for all") {
  with_seeds(90, [](uint64_t seed, Sum& sum) {
    IpamCluster cluster({.seed = seed, .peers = 2 + seed % 5, .range = "10.0.0.0/27", .crash = seed % 3 ? 0 : 0.01});
    live(cluster, *Cidr::parse("10.0.0.0/27"), 80, {});
    check_all_well(cluster);
    sum.add(cluster);
  });
}

TEST_CASE("ipam: invariants hold when dead peers are taken over, also twice, and come back") {
  with_seeds(100, [](uint64_t seed, Sum& sum) {
    IpamCluster cluster({.seed = seed, .peers = 3 + seed % 4, .crash = seed % 2 ? 0 : 0.01});
    live(cluster, *Cidr::parse("10.0.0.0/24"), 80, {.takeovers = true});
    check_all_well(cluster);
    sum.add(cluster);
  });
}

TEST_CASE("ipam: invariants hold when peers leave for good") {
  with_seeds(90, [](uint64_t seed, Sum& sum) {
    IpamCluster cluster({.seed = seed, .peers = 3 + seed % 4});
    live(cluster, *Cidr::parse("10.0.0.0/24"), 80, {.leaving = true});
    check_all_well(cluster);
    sum.add(cluster);
  });
}

TEST_CASE("ipam: elections with crashes and partitions end with one division") {
  with_seeds(200, [](uint64_t seed, Sum& sum) {
    IpamCluster cluster({.seed = seed, .peers = 2 + seed % 4, .crash = 0.25});
    for (int step = 0; step < 30; ++step) {
      if (cluster.pick(3) == 0) cluster.allocate(cluster.pick(cluster.size()), "c", *Cidr::parse("10.0.0.0/24"));
      cluster.run(milliseconds(cluster.pick(400)));
      if (cluster.pick(4) == 0) cluster.restart(cluster.pick(cluster.size()));
      std::vector<int> side;
      for (size_t i = 0; i < cluster.size(); ++i) side.push_back(static_cast<int>(cluster.pick(4)) / 3);
      if (cluster.pick(3) == 0) cluster.partition(side);
    }
    cluster.heal();
    for (size_t i = 0; i < cluster.size(); ++i) cluster.restart(i);
    cluster.check_everybody_is_served();
    cluster.settle(600s);
    sum.add(cluster);
  });
}

TEST_CASE("ipam: ranges taken over twice or from living peers get one owner, and duplicate addresses are reported") {
  with_seeds(100, [](uint64_t seed, Sum& sum) {
    auto range = *Cidr::parse("10.0.0.0/25");
    IpamCluster cluster({.seed = seed, .peers = 4 + seed % 3, .range = range.str(), .by_seed = true});
    int containers = 0;
    auto some = [&](int count) {
      for (int i = 0; i < count; ++i) {
        cluster.allocate(cluster.pick(cluster.size()), fmt::format("c{}", ++containers), range);
        cluster.run(milliseconds(cluster.pick(1000)));
      }
    };
    some(30);
    size_t victim = 0;
    std::vector<int> side(cluster.size(), 0);
    side[cluster.size() - 1] = side[cluster.size() - 2] = 1;
    bool alive = seed % 2;
    if (!alive) cluster.crash(victim);  // its containers go on
    side[victim] = 2;
    if (seed % 3) cluster.partition(side);
    cluster.take_over(1, victim, true, true);
    cluster.run(milliseconds(cluster.pick(60)));
    cluster.take_over(cluster.size() - 1, victim, true, true);
    some(30);
    cluster.heal();
    cluster.restart(victim);
    cluster.settle(600s);
    // What is in use by one container only is back with its peer.
    cluster.run(180s);
    size_t stranded = 0;
    for (size_t i = 0; i < cluster.size(); ++i) stranded += cluster.allocator(i).space().stranded(1000).size();
    if (stranded != cluster.duplicates())
      throw Wrong(fmt::format("{} addresses stranded, {} given too often", stranded, cluster.duplicates()));
    sum.add(cluster);
    // Without its containers the trouble is over.
    for (size_t i = 0; i < cluster.size(); ++i)
      for (const auto& ident : std::set(cluster.containers()[i])) cluster.release(i, ident);
    cluster.run(5s);
    for (size_t i = 0; i < cluster.size(); ++i)
      if (!cluster.allocator(i).report([](PeerName) { return true; }).stranded.empty()) throw Wrong("still stranded");
    cluster.settle(600s);
    cluster.check_everybody_is_served();
  });
}
