// Sleeve on real devices: the UDP port that all connections share, the bridge port, and the threads that carry frames
// between the two.
//
//     containers ── bridge ── vethwe-sleeve (TAP) ──▶ sending thread ───▶ UDP ──▶ peers      or, below the fast
//     datapath,
//       its programs ─ trunk ─┘                                                              (trunk.hpp)
//                                   ▲                    │ tables          │
//                                   └── receiving thread ◀─────────────────┘
//                                              │ the router's own frames
//                        control thread:  Sleeve of each connection (heartbeats, tests), routes
//
// The receiving thread is the only one that reads the port, from the beginning on: without a bridge it still relays,
// and hands the router's own frames to the control thread. Threads decide by immutable tables (tables.hpp) that
// the control thread replaces; all they share besides is the table of MACs and each connection's count of packets.
//
// No queue grows: a sending thread that can't get rid of packets waits, and the bridge drops what the TAP's queue can't
// hold; the receiving thread drops what it cannot pass on; frames for the control thread are limited in number.
//
// All functions are to be called on the control thread, which runs `executor`.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "overlay/overlay.hpp"
#include "overlay/sleeve/connection.hpp"

namespace weave::overlay {

namespace asio = boost::asio;

struct SleeveDiagnostics {
  struct Flow {
    uint64_t packets = 0, bytes = 0;
  };
  std::string interface;  // empty: none
  TapPlace place = TapPlace::kPort;
  Flow captured, injected;  // frames from and to the interface; a large one, to be cut, counts as one
  Flow sent, received;      // UDP packets, with their payload's bytes
  Flow relayed;             // frames passed on for other peers
  // What was dropped on the way from the bridge, and on the way from peers, by reason (name_of); without zeros.
  std::map<std::string, uint64_t> dropped_sending, dropped_receiving;
  std::vector<MacTable::Entry> macs;  // ascending by MAC; on a trunk none are learnt
};

class SleeveDatapath : public Overlay {
 public:
  static constexpr const char* kInterfaceName = "vethwe-sleeve";

  // Binds UDP `host`:`port` (host 0: all addresses) and receives from then on. Port 0 takes any. Throws Error.
  SleeveDatapath(asio::any_io_executor executor, PeerName self, Ipv4 host, uint16_t port);
  ~SleeveDatapath() override;
  SleeveDatapath(const SleeveDatapath&) = delete;
  SleeveDatapath& operator=(const SleeveDatapath&) = delete;

  // Carries the frames of a bridge from now on, in the calling thread's network namespace. Returns the index of the
  // interface. Throws Error, and then carries none.
  int start(const std::string& bridge, TapPlace place = TapPlace::kPort, const std::string& interface = kInterfaceName);
  // start() succeeded, and the interface is still there.
  bool carries() const;
  // From now on make() refuses with this reason; empty: it doesn't.
  void set_unavailable(std::string reason);
  // Lets go of the bridge; connections live on.
  void stop();

  const char* name() const override { return kSleeveName; }
  // Refuses connections that aren't IPv4. The forwarder gets the peer's packets from its confirmation on.
  Result<std::unique_ptr<Forwarder>> make(Link link, std::function<void()> changed) override;
  void set_topology(std::shared_ptr<const Topology> topology) override;
  void forget(PeerName peer) override;
  OverlayCounts counts() const override;

  SleeveDiagnostics diagnostics() const;
  uint16_t port() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace weave::overlay
