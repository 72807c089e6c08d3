// What a mesh says to itself: messages and bytes of gossip for a cold start, for one flapping link, and in a calm
// minute, by number of peers. Simulated, so the figures are exact and repeat. Three sets of rules:
//
//   ours   news is passed on at once, then together every 100 ms
//   2.8    as Weave Net 2.6 and later: each piece of news by itself (ours with that interval 0)
//   2.5    as Weave Net up to 2.5: every change of a peer is broadcast to all others. Not simulated but counted: one
//          message a change and other peer, of ourself and one more peer
//
//   cmake --build --preset release --target bench_mesh && build/release/bench_mesh [largest ring] [largest full mesh]
//
// A full mesh of 100 takes minutes: its topology is 10000 links, and a cold start sends it everywhere.
#include <fmt/format.h>

#include <cstdlib>

#include "mesh/topology.hpp"
#include "sim/cluster.hpp"

using namespace weave;
using namespace weave::sim;
using namespace std::chrono_literals;

namespace {

struct Figures {
  double settled = 0;  // seconds, of virtual time
  Count gossip;        // less what would have been said anyway
  Count as_broadcast;  // by the rules of 2.5
};

uint64_t versions(Cluster& cluster) {
  uint64_t sum = 0;
  for (size_t i = 0; i < cluster.size(); ++i) sum += cluster.mesh(i).peers().self().version;
  return sum;
}

Count broadcasts(Cluster& cluster, uint64_t changes) {
  const auto& peers = cluster.mesh(0).peers();
  std::vector<const mesh::Peer*> two{&peers.self(), peers.find(peers.self().links.front().to)};
  auto payload = mesh::encode_topology(two);
  uint64_t bytes = mesh::encode_envelope(mesh::Tag::kBroadcast, {"topology", peers.self().name, {}, payload}).size();
  uint64_t messages = changes * (cluster.size() - 1);
  return {messages, messages * bytes};
}

void settle(Cluster& cluster) {
  if (!cluster.run_until_settled(300s)) {
    fmt::print("never settled: {}\n", cluster.unsettled());
    std::exit(1);
  }
}

struct Result {
  Figures cold, flap;
  Count calm;
};

Result measure(size_t peers, bool full, milliseconds relay_every) {
  Cluster cluster(peers, {.seed = 1, .relay_every = relay_every});
  if (full)
    cluster.want_full_mesh();
  else
    cluster.want_ring(peers);
  auto said = [&] { return cluster.by_tag(mesh::Tag::kGossip); };
  Result result;
  settle(cluster);
  result.cold = {std::chrono::duration<double>(cluster.now() - Time{}).count(), said(),
                 broadcasts(cluster, versions(cluster))};
  cluster.run(60s);
  auto before = said();
  cluster.run(60s);
  result.calm = said() - before;

  // One link is lost six times in a minute.
  auto link = cluster.mesh(0).peers().self().links.front().to;
  size_t other = 1;
  while (cluster.name(other) != link) ++other;
  before = said();
  auto changes = versions(cluster);
  for (int i = 0; i < 6; ++i) {
    cluster.cut(0, other);
    cluster.run(10s);
  }
  result.flap = {60, said() - before - result.calm, broadcasts(cluster, versions(cluster) - changes)};
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  size_t largest_ring = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100;
  size_t largest_full = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 30;
  fmt::print("{:<8} {:<6} {:<11} {:>10} {:>12} {:>10} {:>12} {:>10} {:>12}\n", "mesh", "peers", "rules", "cold msgs",
             "bytes", "flap msgs", "bytes", "calm/min", "bytes");
  for (bool full : {true, false})
    for (size_t peers : {3, 10, 30, 100, 255}) {
      if (peers > (full ? largest_full : largest_ring)) continue;
      const char* kind = full ? "full" : "sparse";
      auto row = [&](std::string_view rules, Count cold, Count flap, Count calm) {
        fmt::print("{:<8} {:<6} {:<11} {:>10} {:>12} {:>10} {:>12} {:>10} {:>12}\n", kind, peers, rules, cold.messages,
                   cold.bytes, static_cast<int64_t>(flap.messages), static_cast<int64_t>(flap.bytes), calm.messages,
                   calm.bytes);
        std::fflush(stdout);
      };
      auto ours = measure(peers, full, mesh::kRelayInterval);
      row("ours", ours.cold.gossip, ours.flap.gossip, ours.calm);
      auto plain = measure(peers, full, 0ms);
      row("2.8", plain.cold.gossip, plain.flap.gossip, plain.calm);
      row("2.5 (calc.)", plain.cold.as_broadcast, plain.flap.as_broadcast, plain.calm);
    }
}
