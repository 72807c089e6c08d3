#include "mesh/routes.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "vectors.hpp"

using namespace weave;
using namespace weave::mesh;

namespace {

using Table = std::map<PeerName, Peer>;

std::map<PeerName, PeerName> unicast(const Json& json) {
  std::map<PeerName, PeerName> table;
  for (const auto& [to, via] : json.items()) table[*PeerName::parse(to)] = peer_name(via);
  return table;
}

void check_broadcasts(const Routes& routes, Edges edges, const Json& json) {
  for (const auto& [source, via] : json.items()) {
    INFO("source " << source);
    std::vector<PeerName> expected;
    for (const auto& v : via) expected.push_back(peer_name(v));
    CHECK(routes.broadcast(*PeerName::parse(source), edges) == expected);
  }
}

// Peers 1..n in a ring, with `chords` more links, all established on both sides.
Table ring(uint64_t n, size_t chords, uint64_t seed) {
  std::set<std::pair<uint64_t, uint64_t>> edges;
  std::mt19937_64 random(seed);
  for (uint64_t i = 1; i <= n; ++i) edges.insert(std::minmax({i, i % n + 1}));
  for (size_t i = 0; i < chords; ++i) {
    auto a = random() % n + 1, b = random() % n + 1;
    if (a != b) edges.insert(std::minmax({a, b}));
  }
  Table table;
  for (uint64_t i = 1; i <= n; ++i) table[{i}] = {{i}, "", i, 1, {}, {}};
  for (auto [a, b] : edges) {
    table[{a}].links.push_back({{b}, "", true, true});
    table[{b}].links.push_back({{a}, "", false, true});
  }
  for (auto& [name, p] : table) std::sort(p.links.begin(), p.links.end(), [](auto& x, auto& y) { return x.to < y.to; });
  return table;
}

}  // namespace

TEST_CASE("routes from every peer of a topology equal those of Weave Net") {
  size_t views = 0;
  for (const auto& topology : vectors("mesh/routes.json", "topologies")) {
    Table table;
    for (const auto& p : topology.at("peers")) {
      auto name = peer_name(p.at("name"));
      auto& entry = table[name] = {name, "", 1, 1, {}, {}};
      if (!p.at("connections").is_null())
        for (const auto& c : p.at("connections"))
          entry.links.push_back({peer_name(c.at("to")), "", false, c.value("established", false)});
      std::sort(entry.links.begin(), entry.links.end(), [](auto& a, auto& b) { return a.to < b.to; });
    }
    for (const auto& expected : topology.at("routes")) {
      INFO(topology.at("name") << " seen from " << expected.at("Ourself"));
      Routes routes(table, peer_name(expected.at("Ourself")));
      CHECK(routes.unicast(Edges::kEstablished) == unicast(expected.at("Unicast")));
      CHECK(routes.unicast(Edges::kAll) == unicast(expected.at("UnicastAll")));
      check_broadcasts(routes, Edges::kEstablished, expected.at("Broadcast"));
      check_broadcasts(routes, Edges::kAll, expected.at("BroadcastAll"));
      ++views;
    }
  }
  CHECK(views == 147);  // with two tables each, established and all
}

TEST_CASE("a broadcast reaches every peer exactly once, whatever the topology") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    auto table = ring(20, seed, seed);
    std::map<PeerName, Routes> routes;
    for (const auto& [name, p] : table) routes.emplace(name, Routes(table, name));
    for (const auto& [source, p] : table) {
      std::map<PeerName, int> received;
      std::vector<PeerName> open{source};
      while (!open.empty()) {
        auto at = open.back();
        open.pop_back();
        REQUIRE(received.size() <= table.size());
        for (auto to : routes.at(at).broadcast(source, Edges::kAll)) {
          ++received[to];
          open.push_back(to);
        }
      }
      INFO("seed " << seed << " source " << source.str());
      CHECK(received.size() == table.size() - 1);
      for (auto [to, count] : received) CHECK(count == 1);
    }
  }
}

TEST_CASE("gossip goes to about 2 log2 n neighbours, never back, and to all over time") {
  std::mt19937_64 engine(5);
  Random random = [&] { return engine(); };
  // A star with 30 leaves: n = 31, 2 * log2(31) = 9.9.
  Table table;
  table[{1}] = {{1}, "", 1, 1, {}, {}};
  for (uint64_t i = 2; i <= 31; ++i) {
    table[{1}].links.push_back({{i}, "", true, true});
    table[{i}] = {{i}, "", i, 1, {}, {{{1}, "", false, true}}};
  }
  Routes hub(table, {1});
  std::map<PeerName, int> drawn;
  for (int i = 0; i < 100; ++i) {
    auto chosen = hub.random_neighbours({2}, random);
    CHECK(chosen.size() == 9);
    CHECK(std::set(chosen.begin(), chosen.end()).size() == 9);
    for (auto name : chosen) ++drawn[name];
  }
  CHECK_FALSE(drawn.contains({2}));
  CHECK(drawn.size() == 29);
  CHECK(Routes(table, {2}).random_neighbours({}, random) == std::vector<PeerName>{{1}});
  CHECK(Routes(table, {2}).random_neighbours({1}, random).empty());
}

TEST_CASE("a neighbour that leads to more peers is chosen more often") {
  // 1 - 2 - {10..}, 1 - 3, 1 - 4 ... : 2 carries most of the weight.
  Table table;
  for (uint64_t i = 1; i <= 40; ++i) table[{i}] = {{i}, "", i, 1, {}, {}};
  for (uint64_t i = 2; i <= 20; ++i) table[{1}].links.push_back({{i}, "", true, true});
  for (uint64_t i = 21; i <= 40; ++i) table[{2}].links.push_back({{i}, "", true, true});
  Routes routes(table, {1});
  std::mt19937_64 engine(5);
  std::map<PeerName, int> drawn;
  for (int i = 0; i < 200; ++i)
    for (auto name : routes.random_neighbours({}, [&] { return engine(); })) ++drawn[name];
  CHECK(drawn[{2}] > 190);
  CHECK(drawn[{3}] < 160);
}
