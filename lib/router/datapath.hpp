// What carries frames to other hosts: the fast datapath where the kernel supports it, sleeve below it or alone.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/asio.hpp"
#include "control/metrics.hpp"
#include "control/report.hpp"
#include "mesh/peers.hpp"
#include "overlay/fastdp/io/datapath.hpp"
#include "overlay/sleeve/io/datapath.hpp"
#include "settings/settings.hpp"
#include "store/store.hpp"

namespace weave::router {

class Datapath {
 public:
  struct Config {
    PeerName self;
    settings::DatapathMode mode = settings::DatapathMode::kDirect;
    std::optional<Ipv4> host;  // to listen on; nothing: all addresses
    uint16_t port = 6783;      // of sleeve (UDP); the fast datapath has the next one
    std::string bridge;
    bool encrypted = false;
    int64_t rekey_after = int64_t{1} << 32;  // packets
  };

  // Binds sleeve's UDP port and throws Error when it isn't free. Sets up the fast datapath in the kernel, or adopts
  // that of the router before; when the kernel refuses, sleeve is used, and warnings() says why.
  Datapath(asio::any_io_executor executor, Store& store, Config config);
  Datapath(const Datapath&) = delete;

  // For the node: the short ID under which frames flow already, and the overlays in order of preference. They exist
  // until stop().
  std::optional<uint16_t> short_id() const;
  std::vector<overlay::Overlay*> overlays();
  // Sentences for the user about what is not as wanted.
  const std::vector<std::string>& warnings() const { return warnings_; }
  bool has_fast() const { return fast_.has_value(); }

  // Starts sleeve on the bridge. When its interface cannot be made, the fast datapath goes on without it, with a
  // warning; without the fast datapath that is an Error. To be called before the node starts.
  void start();
  // The peers' short IDs have changed: our own is stored. With another one this peer would be another destination to
  // all others: frames in flight, and what they know of the places of MAC addresses, would be lost.
  void keep_short_id(const mesh::Peers& peers);
  // Restores what was removed of the data path. To be called regularly, and soon after a link has changed.
  void repair(host::Repairs& repairs);
  // Leaves everything in the kernel as it is. After the node has stopped, so that the end of its connections changes
  // nothing there.
  void stop();

  // The line of `weave status`: mode, and why it is not a better one.
  std::string text() const;
  void report(control::Router& router, const std::vector<mesh::Peer>& peers) const;
  void count(control::Counters& counters) const;

 private:
  void remove_fast();
  void start_sleeve();

  Store& store_;
  Config config_;
  std::optional<overlay::SleeveDatapath> sleeve_;  // until stop()
  std::optional<overlay::FastDatapath> fast_;      // nothing: all frames use sleeve
  std::string unavailable_because_;                // the fast datapath
  std::string no_sleeve_because_;                  // its interface cannot be made
  std::optional<uint16_t> short_id_;               // as stored
  std::vector<std::string> warnings_;
};

}  // namespace weave::router
