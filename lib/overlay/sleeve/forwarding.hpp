// Where a container's frame goes: decided from its two MACs, from what has been learnt of MACs, and from the routes.
//
//     captured from the bridge                         come from a peer, of source peer S for destination peer D
//     ─ from a MAC behind another peer: drop           ─ D isn't us: pass it on towards D
//     ─ to a local MAC: the bridge sees to it          ─ D is us: learn that the sender's MAC is behind S, give the
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
#include <string_view>
#include <unordered_map>
#include <vector>

#include "overlay/sleeve/frame.hpp"
#include "overlay/sleeve/mac_table.hpp"

namespace weave::overlay {

// Why frames or packets are dropped.
enum class Drop : uint8_t {
  kMalformed,      // too short, or inconsistent
  kHostileSource,  // sent by a MAC that can't be
  kElsewhere,      // captured here, but its MAC belongs behind another peer
  kReserved,       // for bridges, not to be passed on
  kLocal,          // its receiver is on this host: nothing is lost
  kOwn,            // left this host before
  kUnknownPeer,    // of or for a peer that isn't in the mesh
  kNoRoute,        // no way to the destination
  kLoop,           // would leave by where it came from
  kNoConnection,   // the next hop isn't connected by sleeve
  kNoAddress,      // the next hop hasn't shown its UDP address yet
  kTooBig,         // for the path
  kRefused,        // by the kernel: no buffers, no route to the host, ...
  kUnknownSender,  // a packet of nobody that is connected
  kNotAuthentic,   // a packet that doesn't open
  kReplayed,       // a packet that has come before
  kBridgeRefused,  // couldn't be given to the bridge
  kCongested,      // the router couldn't keep up
};
constexpr size_t kDropKinds = static_cast<size_t>(Drop::kCongested) + 1;
// A name for metrics and reports, such as "no_route".
std::string_view name_of(Drop drop);

// The routes for data as the mesh sees them at one moment. Never changed once it is shared.
struct RouteTable {
  PeerName self;
  std::unordered_map<PeerName, PeerName> next_hop;                // by destination; not ourself
  std::unordered_map<PeerName, std::vector<PeerName>> broadcast;  // by source peer, of all peers known, with ourself
  std::unordered_map<PeerName, uint16_t> ids;  // short ids, ourself included; of several that claim one its owner only
};

struct Decision {
  std::optional<Drop> drop;        // nothing is to be done, for this reason
  bool inject = false;             // give it to the bridge
  PeerName source;                 // for the record's header
  PeerName destination;            // 0: each hop is the destination of its copy
  std::span<const PeerName> hops;  // to send it to; valid as long as the table
  std::optional<PeerName> moved;   // the sender's MAC was behind this peer until now
  bool flooded() const { return destination.value == 0; }
};

// What would look like a frame of the router itself has a zero source MAC, so none passes here.
Decision decide_captured(const RouteTable& routes, MacTable& macs, ByteView frame, MacTable::Time now);

// `from`: the neighbour that it came from; 0: ourself.
Decision decide_received(const RouteTable& routes, MacTable& macs, PeerName from, PeerName source, PeerName destination,
                         ByteView frame, MacTable::Time now);

}  // namespace weave::overlay
