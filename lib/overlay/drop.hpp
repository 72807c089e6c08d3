// Why an overlay drops a frame or a packet. The names are those of the metric `weave_overlay_drops_total` and of the
// report; a reason has the same name in all overlays.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weave::overlay {

enum class Drop : uint8_t {
  kMalformed,        // too short, or inconsistent
  kSourceMac,        // the source MAC is zero or multicast
  kSourceElsewhere,  // captured on this host, but the source MAC is behind another peer
  kSpoofed,          // from a peer, with the MAC of this host or of a container on it
  kReserved,         // the destination is a MAC for bridges (802.1D), which is not to be forwarded
  kLocal,            // the destination is on this host, and the bridge delivers the frame: nothing is lost
  kOwn,              // a frame of this host came back
  kUnknownPeer,      // of or for a peer that isn't in the mesh
  kNoRoute,          // no route to the destination
  kLoop,             // the next hop is where the frame came from
  kNoConnection,     // the next hop isn't connected by this overlay
  kNoAddress,        // the UDP address of the next hop isn't known yet
  kNoShortId,        // this peer has no short ID yet
  kTooBig,           // for the path
  kRefused,          // by the kernel: no buffers, no route to the host, ...
  kUnknownSender,    // not from the address or with the name of a connected peer
  kNotAuthentic,     // cannot be decrypted
  kNotEncrypted,     // in clear, from or to a peer with which all packets are encrypted
  kReplayed,         // a packet that has arrived before
  kBridgeRefused,    // the bridge or its interface did not take the frame
  kCongested,        // the router could not keep up
  kHeartbeatUnread,  // a heartbeat for which the buffer had no space
};
constexpr size_t kDropKinds = static_cast<size_t>(Drop::kHeartbeatUnread) + 1;
// A name in lower case, such as "no_route".
std::string_view name_of(Drop drop);

}  // namespace weave::overlay
