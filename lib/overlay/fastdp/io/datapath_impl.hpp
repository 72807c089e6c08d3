// The inside of FastDatapath, shared by datapath.cpp (set-up, loops, status), hops.cpp (from the topology to the
// kernel's maps) and ports.cpp (the bridge and its ports).
#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <set>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "overlay/fastdp/io/datapath.hpp"
#include "overlay/fastdp/io/devices.hpp"
#include "overlay/fastdp/io/esp.hpp"
#include "overlay/fastdp/io/kernel.hpp"

namespace weave::overlay {

struct FastDatapath::Impl : std::enable_shared_from_this<FastDatapath::Impl> {
  class Registered;

  Impl(asio::any_io_executor on, FastDatapathConfig with);

  // -- datapath.cpp
  void load();
  void open_esp();
  // Brings the maps to where the programs may use them.
  void prepare(const host::Link& bridge, const FastVeth& veth);
  void receive(const ReceivedHeartbeat& heartbeat);
  // Each loop ends with the descriptor that it waits on, or when it is stopped.
  static asio::awaitable<void> watch_heartbeats(std::shared_ptr<Impl> self);
  static asio::awaitable<void> watch_links(std::shared_ptr<Impl> self);
  static asio::awaitable<void> watch_time(std::shared_ptr<Impl> self);
  template <class Work>
  void guarded(const Work& work) {
    try {
      work();
    } catch (const std::exception& error) {
      log::error("cannot change the data path: overlay=fastdp reason={}", error.what());
    }
  }

  // -- hops.cpp
  void adopt();
  bool pushes() const { return mode == FastMode::kDirect && config.push; }
  bool watch_wire(int link);
  uint32_t device_of(uint16_t udp);
  void apply(FastSnapshot wanted);
  void update();
  void guard(const FastHop& hop);
  FastHop with_underlay(FastHop hop);
  // A router came back: frames keep the hop that they had, instead of sleeve until the first acknowledgement.
  bool resumes(PeerName name, const FastForwarder* forwarder) const;
  bool any_on_probation(Time now) const;

  // -- ports.cpp
  // The bridge's side of the veth pair, made anew or given back to the bridge.
  void use_pair(const FastVeth& pair);
  void refresh_ports();
  void restore(host::Repairs& repairs);
  void restore_pair(host::Repairs& repairs);
  void restore_program(host::Repairs& repairs, const char* program, int link);
  void next_epoch();

  asio::any_io_executor executor;
  FastDatapathConfig config;
  FastMode mode = FastMode::kBridge;
  std::string reason;
  host::Netlink net;
  int bridge_index = 0;
  Mac bridge_mac;
  std::unique_ptr<FastKernel> kernel;
  bool adopted = false, stopped = false, refused = false, first_refresh = true, probed = false;
  std::optional<uint16_t> adopted_id;
  std::map<uint16_t, int> devices;  // by VXLAN port
  std::set<int> containers, underlays, guarded_links;
  int datapath_index = 0, sleeve_index = 0;  // of vethwe-datapath and of sleeve's TAP; 0: none
  FastTable table;
  std::shared_ptr<const Topology> topology = std::make_shared<Topology>();
  std::unique_ptr<FastEsp> esp;  // nothing: see FastPort::no_esp
  FastPort port;
  std::map<PeerName, FastForwarder*> forwarders;  // confirmed; the newest of each peer
  asio::posix::stream_descriptor links, ring;
  UniqueFd socket;
};

}  // namespace weave::overlay
