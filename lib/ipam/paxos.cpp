#include "ipam/paxos.hpp"

#include <algorithm>
#include <set>

namespace weave::ipam {

Paxos::Paxos(NodeId self, const std::optional<Claims>& before) : self_(self) {
  if (before) table_[self_] = *before;
}

void Paxos::propose() {
  uint64_t round = 0;
  for (const auto& [node, claims] : table_) round = std::max({round, claims.promise.round, claims.accepted.round});
  table_[self_].promise = {round + 1, self_};
  if (quorum_ == 1) think();
}

bool Paxos::update(const PaxosTable& received) {
  bool changed = false;
  for (const auto& [node, theirs] : received) {
    if (std::max({theirs.promise.round, theirs.accepted.round, theirs.value.origin.round}) > kMaxRound) continue;
    if (theirs.value.peers.size() > kMaxPeers) continue;
    auto known = table_.find(node);
    if (known == table_.end()) {
      if (table_.size() >= kMaxNodes) continue;
      table_.emplace(node, theirs);
      changed = true;
      continue;
    }
    auto& mine = known->second;
    if (mine.promise < theirs.promise) {
      mine.promise = theirs.promise;
      changed = true;
    }
    if (mine.accepted < theirs.accepted) {
      mine.accepted = theirs.accepted;
      mine.value = theirs.value;
      changed = true;
    }
  }
  return changed;
}

bool Paxos::think() {
  Claims ours;
  if (auto known = table_.find(self_); known != table_.end()) ours = known->second;
  Claims before = ours;
  for (const auto& [node, claims] : table_) ours.promise = std::max(ours.promise, claims.promise);

  if (ours.promise.round != 0 && ours.promise.proposer == self_) {
    uint32_t promised = 1;  // by ourselves
    const Claims* highest = &before;
    for (const auto& [node, claims] : table_) {
      if (node == self_ || claims.promise != ours.promise) continue;
      ++promised;
      if (highest->accepted < claims.accepted) highest = &claims;
    }
    if (quorum_ != 0 && promised >= quorum_) {
      Value value = highest->value;
      if (highest->accepted.round == 0) {
        std::set<PeerName> names{self_.name};
        for (const auto& [node, claims] : table_) names.insert(node.name);
        value = {{names.begin(), names.end()}, ours.promise};
      }
      ours.accepted = ours.promise;
      ours.value = std::move(value);
    }
  }
  for (const auto& [node, claims] : table_) {
    if (node == self_ || claims.accepted != ours.promise || claims.accepted.round == 0) continue;
    ours.accepted = claims.accepted;
    ours.value = claims.value;
  }

  bool changed =
      ours.promise != before.promise || ours.accepted != before.accepted || ours.value.origin != before.value.origin;
  if (changed) table_[self_] = std::move(ours);
  return changed;
}

std::optional<std::vector<PeerName>> Paxos::consensus() const {
  if (quorum_ == 0) return std::nullopt;
  std::map<Ballot, uint32_t> count;
  for (const auto& [node, claims] : table_) {
    if (claims.accepted.round == 0 || ++count[claims.value.origin] < quorum_) continue;
    auto peers = claims.value.peers;
    std::ranges::sort(peers);
    peers.erase(std::unique(peers.begin(), peers.end()), peers.end());
    if (!peers.empty()) return peers;
  }
  return std::nullopt;
}

std::optional<Claims> Paxos::own() const {
  auto known = table_.find(self_);
  return known == table_.end() ? std::nullopt : std::optional(known->second);
}

}  // namespace weave::ipam
