// Who owns which short id. Two peers can pick the same one; the one with the lowest name owns it and the others move.
//
// Source: the mesh library of Weave Net 2.8.1 (revision 58dbcc3), peers.go.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "mesh/peer.hpp"

namespace weave::mesh {

// A source of uniformly distributed 64-bit numbers.
using Random = std::function<uint64_t()>;

// A number in 0..below-1, without bias; `below` > 0.
uint64_t random_below(const Random& random, uint64_t below);

class ShortIds {
 public:
  // Both answer true when an id means another peer than it once did, so that whatever was derived from it is stale.
  bool add(ShortId id, PeerName peer);
  bool remove(ShortId id, PeerName peer);

  // The peer with the lowest name among those that use the id.
  std::optional<PeerName> owner(ShortId id) const;
  // An id that nobody uses; nothing when all are taken.
  std::optional<ShortId> choose(const Random& random) const;

 private:
  // An empty set: used before.
  std::map<ShortId, std::set<PeerName>> peers_;
};

}  // namespace weave::mesh
