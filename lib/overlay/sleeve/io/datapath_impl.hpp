// The inside of SleeveDatapath, shared by datapath.cpp (the control thread) and threads.cpp (the threads that carry
// frames).
#pragma once
#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <thread>

#include "base/log.hpp"
#include "overlay/sleeve/io/datapath.hpp"
#include "overlay/sleeve/io/tap.hpp"
#include "overlay/sleeve/io/udp.hpp"
#include "overlay/sleeve/packer.hpp"

namespace weave::overlay {

// Ends a thread that waits in poll().
class StopSignal {
 public:
  StopSignal() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!fd_) throw errno_error("cannot create an event descriptor");
  }
  void raise() {
    uint64_t one = 1;
    (void)!write(fd_.get(), &one, sizeof one);
  }
  void clear() {
    uint64_t value = 0;
    (void)!read(fd_.get(), &value, sizeof value);
  }
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

struct SleeveDatapath::Impl : std::enable_shared_from_this<SleeveDatapath::Impl> {
  static constexpr int kMaxHandedOver = 64;  // frames that wait for the control thread; up to 60 KB each

  // A confirmed connection.
  struct Receiver {
    Sleeve* sleeve;
    std::function<void()> changed;
    SleevePath path;  // as last published
  };

  Impl(asio::any_io_executor ex, PeerName name, Ipv4 host, uint16_t port);

  // -- datapath.cpp: the control thread
  // Gives the threads new tables.
  void publish();
  void update(PeerName remote, const Sleeve* sleeve);
  // Calls `call` with a connection's Sleeve, if it is still the one that `tunnel` belongs to.
  template <class F>
  void with(const std::shared_ptr<SleeveTunnel>& tunnel, F call) {
    auto found = receivers.find(tunnel->remote);
    if (found == receivers.end() || found->second.path.tunnel != tunnel) return;
    // `changed` may end the connection, and the Sleeve with it.
    auto changed = found->second.changed;
    call(*found->second.sleeve);
    update(tunnel->remote, found->second.sleeve);
    if (changed) changed();
  }
  void use_topology();
  void set_tap(std::unique_ptr<Tap> next, TapPlace where);
  void lost_bridge();

  // -- threads.cpp
  void start_threads();
  void stop_threads();
  // Any thread: has the control thread call `call` soon; false when too many calls wait.
  template <class F>
  bool hand_over(F call) {
    if (handed_over.fetch_add(1) >= kMaxHandedOver) {
      handed_over.fetch_sub(1);
      return false;
    }
    asio::post(executor, [weak = weak_from_this(), call = std::move(call)] {
      auto impl = weak.lock();
      if (!impl) return;
      impl->handed_over.fetch_sub(1);
      if (!impl->ended) call(*impl);
    });
    return true;
  }
  Packer::Transmit transmitter(SleeveCounters& counters, bool wait);
  void write_to_bridge(SleeveCounters& counters, const VnetHeader& header, const TrunkTags& tags, ByteView frame) const;
  void receive_from_peers();
  void send_to_peers();

  asio::any_io_executor executor;
  const PeerName self;
  SleeveUdp udp;
  SleevePort link;
  std::map<PeerName, Receiver> receivers;
  std::shared_ptr<const Topology> topology;
  Published<SleeveTables> tables{nullptr};
  MacTable macs;
  SleeveCounters sending, receiving;  // of the threads
  SleeveCounters own;                 // of the control thread: heartbeats and tests
  std::string interface;
  std::string unavailable;  // why no connection can use sleeve
  TapPlace place = TapPlace::kPort;
  std::shared_ptr<const TrunkTable> trunk_table;
  std::unique_ptr<Tap> tap;  // changed only while the threads are stopped
  StopSignal stop;
  std::thread receiver, sender;
  std::atomic<int> handed_over{0};
  bool ended = false;
};

}  // namespace weave::overlay
