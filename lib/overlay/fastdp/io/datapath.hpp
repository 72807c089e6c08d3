// The fast datapath of a host: its devices, its programs and maps in the kernel, and the forwarders of its connections.
//
//     bridge "weave" ── vethwe-bridge ═ vethwe-datapath ── programs ── vxlan-6784 (and one more for every other port)
//
// Everything in the kernel outlives this object. The next one adopts what it finds, and frames flow meanwhile.
// Belongs to the thread of its executor, whose network namespace must be the host's.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "host/repairs.hpp"
#include "overlay/fastdp/forwarder.hpp"
#include "overlay/fastdp/table.hpp"
#include "overlay/overlay.hpp"

namespace weave::overlay {

namespace asio = boost::asio;

enum class FastMode {
  kDirect,  // known unicast goes past the bridge, straight between a container and the tunnel
  kBridge   // every frame crosses the bridge, so that rules there see it
};
const char* to_string(FastMode mode);

struct FastDatapathConfig {
  FastMode mode = FastMode::kDirect;  // the best that may be tried
  uint16_t port = 6784;               // VXLAN: the router's port and one
  std::string bridge = "weave";       // is there
  // In direct mode: outer headers are put on and taken off without the VXLAN device, past the host's own OUTPUT and
  // POSTROUTING rules, where that is possible.
  bool push = true;
  // The router has a password: of what an earlier one left only the encrypted hops are adopted, so that no frame leaves
  // in clear. Otherwise only what isn't, and associations and policies that were left are removed.
  bool encrypted = false;
  uint64_t rekey_after = uint64_t{1} << 32;         // packets from a peer, after which they get a new key
  std::string pin_directory = "/sys/fs/bpf/weave";  // empty: maps end with the programs
};

class FastDatapath : public Overlay {
 public:
  // Makes or adopts the devices and programs. Throws Error that names what the kernel lacks or refuses; then the fast
  // datapath can't be used, and nothing of it is left that wasn't there before.
  FastDatapath(asio::any_io_executor executor, const FastDatapathConfig& config);
  // Leaves the kernel's part working.
  ~FastDatapath() override;
  FastDatapath(const FastDatapath&) = delete;
  FastDatapath& operator=(const FastDatapath&) = delete;

  FastMode mode() const;
  // Why it isn't the mode that was asked for; empty when it is.
  const std::string& reason() const;
  // Why it can't carry encrypted connections; empty when it can.
  const std::string& no_esp() const;
  // The short ID under which frames of an earlier router still flow; with it they continue to. Nothing: there are none.
  std::optional<uint16_t> adopted_short_id() const;

  const char* name() const override { return kFastdpName; }
  Result<std::unique_ptr<Forwarder>> make(Link link, std::function<void()> changed) override;
  // A neighbour whose overlay in use is this one is reached by the hop of its forwarder, any other by sleeve.
  void set_topology(std::shared_ptr<const Topology> topology) override;
  // Entries of peers that are gone end with their short IDs (table.hpp).
  void forget(PeerName) override {}
  OverlayCounts counts() const override;

  // Sleeve's TAP, which gets the frames for peers on sleeve and is asked for those that come by it; 0: none. How ids
  // travel on it: see bpf/fastdp.bpf.c.
  void set_sleeve(int link);

  // Restores what was removed of it: devices, attached programs, pins of the maps, flags. To be called every few
  // seconds, and soon after a link has changed. Logs failures.
  void restore(host::Repairs& repairs);

  // Attaches to new container ports on the bridge and detaches from removed ones. Also done whenever a link changes.
  void refresh_ports();

  struct Counter {
    std::string name;
    uint64_t frames = 0;
    bool dropped = false;
  };
  struct Place {
    Mac mac;
    std::optional<uint16_t> peer;  // its short id; nothing: here
    int container = 0;             // interface index of the host end; 0: somewhere on the bridge
    uint32_t minutes = 0;          // since it was last seen, roughly
  };
  struct Status {
    FastMode mode = FastMode::kDirect;
    std::string reason;
    std::string no_esp;           // why encrypted connections can't be carried; empty: they can
    std::vector<uint16_t> ports;  // VXLAN
    uint16_t mtu = 0;
    size_t containers = 0;  // ports served directly
    std::vector<Counter> counters;
    std::vector<Place> macs;
    FastSnapshot wanted;
  };
  Status status() const;

  // Removes all of it, of whatever router: for `weave reset` and for a launch without it. Containers stay on the
  // bridge. Goes on after a failure and throws one Error with all of them.
  static void remove(const std::string& pin_directory = "/sys/fs/bpf/weave");

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace weave::overlay
