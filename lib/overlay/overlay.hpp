// An overlay: a way to carry container frames to other peers. The node has a list of them, in order of preference; each
// makes a forwarder for a connection, and gets the topology.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "overlay/forwarder.hpp"
#include "overlay/topology.hpp"

namespace weave::overlay {

// Names of overlays on the wire (the feature "Overlays" of the handshake) and in the output of commands.
inline constexpr const char* kSleeveName = "sleeve";
inline constexpr const char* kFastdpName = "fastdp";

// Totals since the start, for metrics.
struct OverlayCounts {
  struct Flow {
    uint64_t packets = 0;
    std::optional<uint64_t> bytes;  // nothing: not counted
  };
  std::map<std::string, Flow> flows;        // by direction: "in", "out", "relayed"
  std::map<std::string, uint64_t> dropped;  // by reason (drop.hpp), without zeros
};

class Overlay {
 public:
  virtual ~Overlay() = default;
  virtual const char* name() const = 0;
  // A forwarder for a connection, or the reason why this overlay cannot be used on it. `changed` is called when the
  // forwarder may have new events. The forwarder must not outlive the overlay.
  virtual Result<std::unique_ptr<Forwarder>> make(Link link, std::function<void()> changed) = 0;
  // The topology, or the overlay in use on a connection, has changed. Logs failures and repeats what failed.
  virtual void set_topology(std::shared_ptr<const Topology> topology) = 0;
  // The peer is no longer in the mesh: what was learnt of MAC addresses behind it is removed.
  virtual void forget(PeerName peer) = 0;
  virtual OverlayCounts counts() const = 0;
};

}  // namespace weave::overlay
