// The topology as overlays use it to forward container frames: all peers, the routes over established connections, and
// the overlay that each connection uses.
#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "address/mac.hpp"

namespace weave::overlay {

// An immutable value once it is shared.
struct Topology {
  PeerName self;
  std::unordered_map<PeerName, PeerName> next_hop;  // by destination; without this peer
  std::unordered_map<PeerName, std::vector<PeerName>>
      broadcast;                               // by source peer, of all known peers, this one included
  std::unordered_map<PeerName, uint16_t> ids;  // short IDs, own one included; of peers with the same ID only its owner
  std::unordered_map<PeerName, std::string> neighbours;  // connected peers, with the name of the overlay in use

  bool operator==(const Topology&) const = default;
};

}  // namespace weave::overlay
