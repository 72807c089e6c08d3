#include "ipam/paxos.hpp"

#include <catch2/catch.hpp>

#include "unit/ipam/wire_vectors.hpp"

using namespace weave;
using namespace weave::ipam;

TEST_CASE("every step of random elections equals that of Weave Net") {
  for (const auto& sequence : vectors("ipam/paxos-steps.json", "sequences")) {
    std::vector<Paxos> nodes;
    for (const auto& node : sequence["nodes"]) {
      nodes.emplace_back(node_id(node));
      nodes.back().set_quorum(sequence["quorum"].get<uint32_t>());
    }
    for (const auto& step : sequence["steps"]) {
      INFO(step.dump());
      if (text(step["op"]) == "propose") {
        auto& node = nodes[step["node"].get<size_t>()];
        node.propose();
        CHECK(sorted(node.table()) == paxos_table(step["state_after"]));
        continue;
      }
      auto& node = nodes[step["to"].get<size_t>()];
      bool changed = node.update(nodes[step["from"].get<size_t>()].table());
      CHECK(changed == step["update_changed"].get<bool>());
      CHECK((changed && node.think()) == step["think_changed"].get<bool>());
      CHECK(sorted(node.table()) == paxos_table(step["state_after"]));
      auto agreed = node.consensus();
      CHECK(agreed.has_value() == step["consensus"].get<bool>());
      if (step.contains("consensus_value_normalised") && agreed)
        CHECK(*agreed == peers(step["consensus_value_normalised"]));
    }
  }
}

TEST_CASE("a peer that makes a quorum by itself agrees with itself") {
  Paxos paxos({PeerName{7}, 1});
  paxos.set_quorum(1);
  paxos.propose();
  CHECK(paxos.consensus() == std::vector{PeerName{7}});
}

TEST_CASE("without a quorum there is a vote but no consensus") {
  Paxos a({PeerName{1}, 1}), b({PeerName{2}, 2});
  a.set_quorum(2);
  a.propose();
  b.update(a.table());
  CHECK(b.think());
  a.update(b.table());
  CHECK(a.think());
  b.update(a.table());
  CHECK(b.think());
  CHECK_FALSE(b.consensus());
  a.update(b.table());
  CHECK(a.consensus() == std::vector{PeerName{1}, PeerName{2}});
}

TEST_CASE("a node that remembers its promise keeps it over a restart") {
  NodeId self{PeerName{1}, 1}, other{PeerName{2}, 2};
  Paxos first(self);
  first.update({{other, {.promise = {5, other}}}});
  REQUIRE(first.think());
  Paxos again(self, first.own());
  again.propose();
  CHECK(again.own()->promise == Ballot{6, self});
}

TEST_CASE("absurd rounds and tables are ignored") {
  Paxos paxos({PeerName{1}, 1});
  NodeId other{PeerName{2}, 2};
  CHECK_FALSE(paxos.update({{other, {.promise = {UINT64_MAX, other}}}}));
  PaxosTable many;
  for (uint64_t i = 0; i < 2 * Paxos::kMaxNodes; ++i) many[{PeerName{9}, i}] = {.promise = {1, other}};
  CHECK(paxos.update(many));
  CHECK(paxos.table().size() == Paxos::kMaxNodes);
}
