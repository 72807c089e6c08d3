// Where a container's frame goes: decided from its two MACs, from what has been learnt of MACs, and from the routes.
//
//     captured from the bridge                         come from a peer, of source peer S for destination peer D
//     ─ from a MAC behind another peer: drop           ─ D isn't us: pass it on towards D
//     ─ to a local MAC: the bridge delivers it         ─ D is us: learn that the sender's MAC is behind S, give the
//     ─ to a MAC behind X: send to X                     frame to the bridge, and unless its receiver is known to be
//     ─ otherwise: flood                                 local, flood it on
//
// To flood means: one copy to each neighbour that the routes name for broadcasts of the *source* peer, with the
// neighbour as destination. All peers compute these routes alike, so everybody gets a flooded frame once.
//
// Weave Net's forwarding, with three differences that peers don't see: a frame of our own that comes back, one that
// would leave by where it came from, and one whose sender can't be (zero, multicast, or our own MAC) are dropped.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "overlay/drop.hpp"
#include "overlay/sleeve/frame.hpp"
#include "overlay/sleeve/mac_table.hpp"
#include "overlay/topology.hpp"

namespace weave::overlay {

struct Decision {
  std::optional<Drop> drop;        // nothing is to be done, for this reason
  bool inject = false;             // give it to the bridge
  PeerName source;                 // for the record's header
  PeerName destination;            // 0: each hop is the destination of its copy
  std::span<const PeerName> hops;  // to send it to; valid as long as the topology
  std::optional<PeerName> moved;   // the sender's MAC was behind this peer until now
  bool flooded() const { return destination.value == 0; }
};

// What would look like a frame of the router itself has a zero source MAC, so none passes here.
Decision decide_captured(const Topology& topology, MacTable& macs, ByteView frame, MacTable::Time now);

// `from`: the neighbour that sent it; 0: this peer.
Decision decide_received(const Topology& topology, MacTable& macs, PeerName from, PeerName source, PeerName destination,
                         ByteView frame, MacTable::Time now);

}  // namespace weave::overlay
