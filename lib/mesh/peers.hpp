// The table of peers: this peer, the peers heard of, and placeholders for those that only appear in the links of
// others
// connections. Only a peer itself changes its entry, raising the version; the others copy the newest.
#pragma once
#include <map>
#include <set>
#include <vector>

#include "mesh/peer.hpp"
#include "mesh/short_ids.hpp"

namespace weave::mesh {

// Bounds on what gossip can make us store; what doesn't fit is left out.
inline constexpr size_t kMaxPeers = 4096;
inline constexpr size_t kMaxLinks = 1 << 18;  // of all peers together
inline constexpr size_t kMaxNickname = 256;   // bytes, cut off
inline constexpr size_t kMaxAddress = 64;     // bytes; a longer one is forgotten

// What a series of calls has done to the table, beside the entries themselves.
struct PeerChanges {
  bool self = false;       // this peer's version or short id: to be announced
  bool short_ids = false;  // an id means another peer now
  bool graph = false;      // peers or links: routes are stale
  std::vector<Peer> gone;
};

class Peers {
 public:
  // `self` without links. Its short id, if it has one, is chosen anew whenever a peer with a lower name has the same.
  Peers(Peer self, Random random);

  const Peer& self() const { return table_.at(self_); }
  const std::map<PeerName, Peer>& table() const { return table_; }
  // Null when the name isn't known.
  const Peer* find(PeerName name) const;
  const ShortIds& short_ids() const { return short_ids_; }

  // Adds a peer that a handshake was made with, unless its name is known. False when the table is full.
  bool introduce(const Peer& peer);

  // A connection of ours: new, changed, gone.
  void set_link(Link link);
  void remove_link(PeerName to);

  struct Merged {
    std::set<PeerName> received;  // everything in the update
    std::set<PeerName> changed;   // what was news; to be passed on
  };
  // Takes in what a neighbour says.
  Merged merge(std::vector<Peer> update);

  // Removes the peers that no path of connections, established or not, leads to.
  void collect();

  // What has happened since the last call.
  PeerChanges take_changes() { return std::exchange(changes_, {}); }
  // Rises with every change of an entry.
  uint64_t revision() const { return revision_; }

 private:
  Peer& own() { return table_.at(self_); }
  bool enter(Peer peer);
  void set_short_id(Peer& peer, std::optional<ShortId> id);
  void set_links(Peer& peer, std::vector<Link> links);
  void rename_self();
  void bump();

  PeerName self_;
  Random random_;
  std::map<PeerName, Peer> table_;
  size_t link_count_ = 0;
  ShortIds short_ids_;
  PeerChanges changes_;
  uint64_t revision_ = 0;
};

}  // namespace weave::mesh
