// The next hop to each peer. Every peer computes the same tables from the same topology, so a broadcast reaches each
// peer exactly once although the peers don't agree on a tree:
//
//        1           2 gets a broadcast of 1 from 1. Would 4 get it from 2 or from 3? Both are one hop from 1;
//       / \          the level is walked in the order of names, so 2 claims 4, and 3 knows it, too, without
//      2   3         having to ask.
//       \ /
//        4
//
// Source: the mesh library of Weave Net 2.8.1 (revision 58dbcc3), routes.go and peer.go.
#pragma once
#include <functional>
#include <map>
#include <vector>

#include "mesh/peers.hpp"

namespace weave::mesh {

enum class Edges {
  kAll,          // what one side announces; for control traffic
  kEstablished,  // what both sides announce as established; for data
};

// An immutable picture of the topology as one peer sees it; broadcast routes are computed when asked for.
class Routes {
 public:
  Routes(const std::map<PeerName, Peer>& table, PeerName self);

  // Next hop by destination; this peer is reached via 0, unreachable peers are absent.
  const std::map<PeerName, PeerName>& unicast(Edges edges) const { return unicast_[index(edges)]; }
  // 0 when unreachable, and for this peer.
  PeerName next_hop(PeerName to, Edges edges) const;
  // The neighbours to which we pass a broadcast of `source` on, ascending; none when the source isn't known or its
  // broadcasts can't reach us.
  const std::vector<PeerName>& broadcast(PeerName source, Edges edges) const;
  // What has been computed so far, for the status.
  const std::map<PeerName, std::vector<PeerName>>& broadcasts(Edges edges) const { return broadcast_[index(edges)]; }

  // Different neighbours to gossip to, about 2 log2 of the number of peers, those more likely through which we reach
  // more peers. Never `except`.
  std::vector<PeerName> random_neighbours(PeerName except, const Random& random) const;

 private:
  static size_t index(Edges edges) { return edges == Edges::kAll ? 0 : 1; }
  static constexpr size_t kNone = SIZE_MAX;
  struct Reached {
    bool found = false;
    std::vector<size_t> hop;  // by peer; none: not reached
  };
  Reached walk(size_t start, size_t stop, Edges edges) const;
  size_t number(PeerName name) const;

  std::vector<PeerName> names_;  // ascending, so that numbers sort as names do
  std::vector<std::vector<size_t>> adjacent_[2];
  size_t self_ = kNone;
  std::map<PeerName, PeerName> unicast_[2];
  mutable std::map<PeerName, std::vector<PeerName>> broadcast_[2];
};

}  // namespace weave::mesh
