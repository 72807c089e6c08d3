// Names all over a mesh in which connections, peers and whole sides come and go. In the end every peer must hold the
// same live names: those that their owners have registered, and no others.
#include <catch2/catch.hpp>

#include "names/gossip.hpp"
#include "sim/cluster.hpp"

using namespace weave;
using namespace weave::sim;
using namespace std::chrono_literals;

namespace {

class World {
 public:
  World(size_t peers, Settings settings)
      : nodes_(peers), cluster_(std::make_unique<Cluster>(peers, with_names(std::move(settings)))) {}

  Cluster& cluster() { return *cluster_; }
  names::Database& names(size_t peer) { return *nodes_[peer].database; }
  names::GossipStatus status(size_t peer) const { return nodes_[peer].gossiper->status(); }
  void set_clock(size_t peer, int64_t ahead) { nodes_[peer].ahead = ahead; }

  void add(size_t peer, int name) {
    nodes_[peer].running.insert(name);
    if (!cluster_->alive(peer)) return;
    publish(peer,
            names(peer).add(fmt::format("N{}.weave.local", name), fmt::format("c{}", name), address(name)).value());
  }
  void remove(size_t peer, int name) {
    nodes_[peer].running.erase(name);
    if (!cluster_->alive(peer)) return;
    publish(peer, names(peer).container_died(fmt::format("c{}", name), now(peer)));
  }
  // The router dies; its containers may go on.
  void crash(size_t peer) { cluster_->crash(peer, true); }
  void restart(size_t peer) {
    cluster_->restart(peer);
    for (auto name : std::set(nodes_[peer].running)) add(peer, name);
  }

  // The first way in which a peer's names aren't as they should be; empty: fine.
  std::string wrong() {
    std::set<std::pair<std::string, PeerName>> expected;
    for (size_t i = 0; i < nodes_.size(); ++i)
      if (cluster_->alive(i))
        for (auto name : nodes_[i].running) expected.emplace(fmt::format("n{}.weave.local.", name), cluster_->name(i));
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (!cluster_->alive(i)) continue;
      std::set<std::pair<std::string, PeerName>> live;
      for (const auto& e : names(i).entries())
        if (e.live()) live.emplace(e.hostname, e.origin);
      if (live != expected) return fmt::format("peer {} holds {} names, not {}", i, live.size(), expected.size());
      std::set<std::pair<std::string, PeerName>> answered;
      for (const auto& [name, origin] : nodes_[i].server) answered.emplace(name, origin);
      if (answered != expected) return fmt::format("the DNS server of {} wasn't told everything", i);
    }
    return {};
  }
  std::string wrong_after(Duration at_most) {
    for (auto end = cluster_->now() + at_most; cluster_->now() < end;) {
      cluster_->run(1s);
      if (wrong().empty()) return {};
    }
    return wrong();
  }

 private:
  struct Node {
    std::unique_ptr<names::Database> database;
    std::unique_ptr<names::Gossiper> gossiper;
    std::set<std::pair<std::string, PeerName>> server;  // what the DNS server was told
    std::set<int> running;
    int64_t ahead = 0;
  };

  static Ipv4 address(int name) { return {0x0a200000 + static_cast<uint32_t>(name)}; }
  int64_t now(size_t peer) const {
    auto age = std::chrono::duration_cast<std::chrono::seconds>(cluster_->local(peer) - Time{});
    return 1700000000 + age.count() + nodes_[peer].ahead;
  }
  void publish(size_t peer, const names::Entries& entries) {
    nodes_[peer].gossiper->publish(entries);
    cluster_->drain(peer);
  }

  Settings with_names(Settings settings) {
    settings.started = [this](size_t peer, Mesh& mesh) {
      auto& node = nodes_[peer];
      node.gossiper.reset();
      node.server.clear();
      node.database = std::make_unique<names::Database>(mesh.peers().self().name, "weave.local");
      names::GossipHooks hooks;
      hooks.now = [this, peer] { return now(peer); };
      hooks.known = [&mesh](PeerName name) { return mesh.peers().find(name) != nullptr; };
      hooks.neighbour = [&mesh] { return mesh.speaker(); };
      hooks.broadcast = [this, peer, &mesh](gossip::Gossip data) {
        mesh.broadcast(names::kChannelName, std::move(data), cluster_->local(peer));
      };
      hooks.changed = [&node](const names::Entries& entries) {
        for (const auto& e : entries) {
          if (e.live())
            node.server.emplace(e.hostname, e.origin);
          else
            node.server.erase({e.hostname, e.origin});
        }
      };
      hooks.erased = [&node](const names::Entries& entries) {
        for (const auto& e : entries) node.server.erase({e.hostname, e.origin});
      };
      node.gossiper = std::make_unique<names::Gossiper>(*node.database, std::move(hooks));
      mesh.add_channel(names::kChannelName, node.gossiper->channel());
    };
    settings.peers_gone = [this](size_t peer, const std::vector<mesh::Peer>& gone) {
      for (const auto& one : gone) nodes_[peer].gossiper->peer_gone(one.name);
    };
    return settings;
  }

  std::vector<Node> nodes_;  // outlive the meshes
  std::unique_ptr<Cluster> cluster_;
};

}  // namespace

TEST_CASE("a registration reaches every peer over several hops within seconds") {
  World world(12, {.seed = seed_or(1)});
  world.cluster().want_ring(2);
  REQUIRE(world.cluster().run_until_settled(120s));
  for (size_t i = 0; i < 12; ++i) world.add(i, static_cast<int>(i));
  world.cluster().run(2s);
  CHECK(world.wrong() == "");
  world.remove(3, 3);
  world.cluster().run(2s);
  CHECK(world.wrong() == "");
}

TEST_CASE("a new peer learns all names from its first neighbour") {
  World world(4, {.seed = seed_or(2)});
  for (size_t i = 0; i < 3; ++i) {
    world.add(i, static_cast<int>(i));
    world.cluster().want(i, (i + 1) % 3);
  }
  REQUIRE(world.wrong_after(120s).find("peer 3") != std::string::npos);
  world.cluster().want(3, 0);
  CHECK(world.wrong_after(90s) == "");
}

TEST_CASE("sides of a partition lose each other's names and regain them") {
  World world(6, {.seed = seed_or(3)});
  world.cluster().want_full_mesh();
  for (size_t i = 0; i < 6; ++i) world.add(i, static_cast<int>(i));
  CHECK(world.wrong_after(120s) == "");
  world.cluster().partition({0, 0, 0, 1, 1, 1});
  world.cluster().run(180s);
  CHECK(world.names(0).live() == 3);
  CHECK(world.names(5).live() == 3);
  world.remove(0, 0);
  world.add(1, 100);
  world.add(5, 101);
  world.cluster().run(10s);
  CHECK(world.names(2).live() == 3);
  world.cluster().heal();
  CHECK(world.wrong_after(180s) == "");
}

TEST_CASE("a restarted router tombstones names of containers that ended meanwhile") {
  World world(5, {.seed = seed_or(4)});
  world.cluster().want_ring(1);
  for (int name = 0; name < 4; ++name) world.add(0, name);
  CHECK(world.wrong_after(120s) == "");
  world.crash(0);
  world.remove(0, 1);
  world.add(0, 7);
  world.cluster().run(3s);  // the others haven't forgotten it everywhere
  world.restart(0);
  CHECK(world.wrong_after(180s) == "");
}

TEST_CASE("names of a peer with a wrong clock stay local, and everything else works") {
  World world(4, {.seed = seed_or(5)});
  world.cluster().want_full_mesh();
  world.set_clock(3, 1000);
  REQUIRE(world.cluster().run_until_settled(120s));
  auto closed = world.cluster().closed_by_mesh();
  for (size_t i = 0; i < 4; ++i) world.add(i, static_cast<int>(i));
  world.cluster().run(60s);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(world.names(i).live() == 3);
    REQUIRE(world.status(i).skews.size() == 1);
    CHECK(world.status(i).skews[0].peer == world.cluster().name(3));
  }
  CHECK(world.names(3).live() == 1);
  CHECK(world.cluster().unsettled() == "");
  CHECK(world.cluster().closed_by_mesh() == closed);
  world.set_clock(3, 0);
  CHECK(world.wrong_after(120s) == "");
}

TEST_CASE("all peers hold the same names after all kinds of faults") {
  for (uint64_t round = 0; round < 6; ++round) {
    auto seed = seed_or(100 + round);
    INFO("WEAVE_SIM_SEED=" << seed);
    World world(8, {.seed = seed, .clock_skew = 5000ms});
    auto& random = world.cluster().random();
    world.cluster().want_ring(4);
    std::vector<std::set<int>> running(8);
    int next = 0;
    for (int step = 0; step < 150; ++step) {
      size_t peer = random() % 8;
      switch (random() % 8) {
        case 0:
          world.cluster().cut_random();
          break;
        case 1:
          if (random() % 3 == 0) world.crash(peer);
          break;
        case 2:
          for (size_t i = 0; i < 8; ++i)
            if (!world.cluster().alive(i)) world.restart(i);
          break;
        case 3: {
          std::vector<int> side(8);
          for (auto& s : side) s = random() % 4 == 0;
          world.cluster().partition(side);
          break;
        }
        case 4:
          world.cluster().heal();
          break;
        case 5:
          if (!running[peer].empty()) {
            world.remove(peer, *running[peer].begin());
            running[peer].erase(running[peer].begin());
          }
          break;
        default:
          running[peer].insert(next);
          world.add(peer, next++);
      }
      world.cluster().run(std::chrono::milliseconds(random() % 20000));
    }
    world.cluster().heal();
    for (size_t i = 0; i < 8; ++i)
      if (!world.cluster().alive(i)) world.restart(i);
    CHECK(world.wrong_after(600s) == "");
  }
}
