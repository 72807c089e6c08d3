#include "mesh/routes.hpp"

#include <algorithm>
#include <cmath>

namespace weave::mesh {

Routes::Routes(const std::map<PeerName, Peer>& table, PeerName self) {
  names_.reserve(table.size());
  for (const auto& [name, peer] : table) names_.push_back(name);
  for (auto& lists : adjacent_) lists.resize(names_.size());
  size_t from = 0;
  for (const auto& [name, peer] : table) {
    for (const auto& link : peer.links) {
      auto to = number(link.to);
      if (to == kNone) continue;
      adjacent_[index(Edges::kAll)][from].push_back(to);
      if (!link.established) continue;
      const auto* back = table.find(link.to)->second.link_to(name);
      if (back && back->established) adjacent_[index(Edges::kEstablished)][from].push_back(to);
    }
    ++from;
  }
  self_ = number(self);
  for (auto edges : {Edges::kAll, Edges::kEstablished}) {
    auto reached = walk(self_, kNone, edges);
    auto& table_of = unicast_[index(edges)];
    for (size_t i = 0; i < names_.size(); ++i)
      if (i == self_)
        table_of[names_[i]] = {};
      else if (reached.hop[i] != kNone)
        table_of[names_[i]] = names_[reached.hop[i]];
  }
}

size_t Routes::number(PeerName name) const {
  auto at = std::lower_bound(names_.begin(), names_.end(), name);
  return at != names_.end() && *at == name ? static_cast<size_t>(at - names_.begin()) : kNone;
}

// Level by level, each in the order of names: the order is part of the protocol, as is that a search stops when it
// meets `stop` in a level, with what the peers before it in that level have claimed.
Routes::Reached Routes::walk(size_t start, size_t stop, Edges edges) const {
  Reached reached;
  reached.hop.assign(names_.size(), kNone);
  std::vector<bool> seen(names_.size());
  seen[start] = true;
  reached.hop[start] = start;
  std::vector<size_t> level{start}, next;
  while (!level.empty()) {
    std::sort(level.begin(), level.end());
    for (auto peer : level) {
      if (peer == stop) {
        reached.found = true;
        return reached;
      }
      for (auto to : adjacent_[index(edges)][peer]) {
        if (seen[to]) continue;
        seen[to] = true;
        reached.hop[to] = peer == start ? to : reached.hop[peer];
        next.push_back(to);
      }
    }
    level = std::exchange(next, {});
  }
  return reached;
}

PeerName Routes::next_hop(PeerName to, Edges edges) const {
  const auto& table = unicast(edges);
  auto at = table.find(to);
  return at == table.end() ? PeerName{} : at->second;
}

const std::vector<PeerName>& Routes::broadcast(PeerName source, Edges edges) const {
  auto from = number(source);
  static const std::vector<PeerName> nobody;
  if (from == kNone) return nobody;
  auto [at, fresh] = broadcast_[index(edges)].try_emplace(source);
  if (!fresh) return at->second;
  auto reached = walk(from, self_, edges);
  if (!reached.found) return at->second;
  for (auto to : adjacent_[index(edges)][self_])
    if (reached.hop[to] == kNone) at->second.push_back(names_[to]);
  return at->second;
}

std::vector<PeerName> Routes::random_neighbours(PeerName except, const Random& random) const {
  const auto& table = unicast(Edges::kAll);
  std::map<PeerName, uint64_t> weights;
  for (const auto& [to, via] : table)
    if (via.value && via != except) ++weights[via];
  auto count = std::min(static_cast<size_t>(2 * std::log2(static_cast<double>(table.size()))), weights.size());
  uint64_t total = 0;
  for (const auto& [name, weight] : weights) total += weight;
  std::vector<PeerName> chosen;
  while (chosen.size() < count) {
    auto draw = random_below(random, total);
    auto at = weights.begin();
    for (; draw >= at->second; ++at) draw -= at->second;
    chosen.push_back(at->first);
    total -= at->second;
    weights.erase(at);
  }
  return chosen;
}

}  // namespace weave::mesh
