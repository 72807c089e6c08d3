// Allocators over whole meshes: the channel between them, broadcasts that are passed on, unicasts over several hops.
#include <catch2/catch.hpp>

#include "ipam/channel.hpp"
#include "sim/cluster.hpp"

using namespace weave;
using namespace weave::sim;
using namespace std::chrono_literals;

namespace {

const Cidr kRange = Cidr::parse("10.0.0.0/24").value();

class Hosts {
 public:
  Hosts(uint64_t seed, size_t peers, size_t majority_of)
      : majority_of_(majority_of),
        hosts_(peers),
        cluster_(peers, {.seed = seed, .started = [this](size_t peer, Mesh& mesh) { start(peer, mesh); }}) {
    cluster_.want_ring(2);
  }

  Cluster& cluster() { return cluster_; }
  ipam::Allocator& at(size_t peer) { return *hosts_[peer].allocator; }

  // Half-second steps, with the ticks of the allocators.
  void run(Duration length) {
    for (auto end = cluster_.now() + length; cluster_.now() < end;) {
      cluster_.run(500ms);
      if (++steps_ % 10) continue;
      for (size_t i = 0; i < cluster_.size(); ++i)
        if (cluster_.alive(i)) {
          at(i).tick(cluster_.local(i));
          cluster_.drain(i);
        }
    }
  }
  ipam::Ticket ask(size_t peer, const std::string& ident) {
    auto ticket = at(peer).ask_allocate(ident, kRange);
    cluster_.drain(peer);
    return ticket;
  }
  // The addresses given to each peer's containers; fails when one is given twice.
  std::set<Ipv4> given() {
    std::set<Ipv4> all;
    for (size_t i = 0; i < cluster_.size(); ++i)
      for (const auto& owned : at(i).owned())
        for (auto cidr : owned.addresses) REQUIRE(all.insert(cidr.address).second);
    return all;
  }
  bool rings_equal() {
    for (size_t i = 1; i < cluster_.size(); ++i)
      if (at(i).ring().entries() != at(0).ring().entries()) return false;
    return true;
  }

 private:
  struct Peer {
    std::map<std::pair<std::string, std::string>, std::string> disk;
    std::unique_ptr<ipam::Allocator> allocator;
  };

  void start(size_t peer, Mesh& mesh) {
    auto& host = hosts_[peer];
    ipam::Config config{mesh.peers().self().name, mesh.peers().self().nickname, kRange, kRange, {}};
    config.expected = static_cast<uint32_t>(majority_of_);
    config.uid = mesh.peers().self().uid;
    ipam::Rows rows;
    rows.get = [&host](const std::string& table, const std::string& key) {
      auto row = host.disk.find({table, key});
      return row == host.disk.end() ? std::nullopt : std::optional(row->second);
    };
    rows.all = [&host](const std::string& table) {
      std::vector<std::pair<std::string, std::string>> list;
      for (const auto& [at, value] : host.disk)
        if (at.first == table) list.emplace_back(at.second, value);
      return list;
    };
    auto save = [&host](std::span<const Change> changes) {
      for (const auto& change : changes)
        if (change.value)
          host.disk[{change.table, change.key}] = *change.value;
        else
          host.disk.erase({change.table, change.key});
    };
    auto channel = std::make_shared<gossip::Channel>();
    ipam::Links links;
    links.unicast = [this, peer, &mesh](PeerName to, Bytes message) {
      return mesh.unicast(ipam::kChannelName, to, message, cluster_.local(peer));
    };
    links.broadcast = [this, peer, &mesh, channel] {
      mesh.broadcast(ipam::kChannelName, channel->gossip(), cluster_.local(peer));
    };
    links.reachable = [&mesh](PeerName to) { return mesh.peers().find(to) != nullptr; };
    host.allocator = std::make_unique<ipam::Allocator>(config, ipam::load(rows), save, links);
    *channel = ipam::channel_of(*host.allocator, {});
    mesh.add_channel(ipam::kChannelName, *channel);
  }

  size_t majority_of_;
  std::vector<Peer> hosts_;
  Cluster cluster_;
  int steps_ = 0;
};

}  // namespace

TEST_CASE("ipam: peers of a sparse mesh agree, are served over several hops, and keep apart in a partition") {
  for (uint64_t s = 1; s <= 5; ++s) {
    auto seed = seed_or(s);
    INFO("WEAVE_SIM_SEED=" << seed);
    Hosts hosts(seed, 8, 8);
    hosts.run(10s);
    REQUIRE(hosts.cluster().unsettled() == "");
    for (size_t i = 0; i < 8; ++i) hosts.ask(i, "a" + std::to_string(i));
    hosts.run(30s);
    REQUIRE(hosts.given().size() == 8);

    std::vector<int> side{0, 0, 0, 0, 1, 1, 1, 1};
    hosts.cluster().partition(side);
    for (size_t i = 0; i < 8; ++i)
      for (int k = 0; k < 5; ++k) hosts.ask(i, "b" + std::to_string(8 * k + static_cast<int>(i)));
    hosts.run(100s);
    hosts.given();
    hosts.cluster().crash(2, true);
    hosts.cluster().heal();
    hosts.run(20s);
    hosts.cluster().restart(2);
    hosts.cluster().drain(2);
    hosts.run(70s);
    REQUIRE(hosts.cluster().unsettled() == "");
    for (size_t i = 0; i < 8; ++i) hosts.ask(i, "c" + std::to_string(i));
    hosts.run(60s);
    for (size_t i = 0; i < 8; ++i) REQUIRE(hosts.at(i).lookup("c" + std::to_string(i)).size() == 1);
    hosts.given();
    for (int i = 0; i < 10 && !hosts.rings_equal(); ++i) hosts.run(30s);
    REQUIRE(hosts.rings_equal());
  }
}
