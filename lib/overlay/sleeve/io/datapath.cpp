#include "overlay/sleeve/io/datapath.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <thread>

#include "base/log.hpp"
#include "overlay/sleeve/carrier.hpp"
#include "overlay/sleeve/io/udp.hpp"
#include "overlay/sleeve/io/tap.hpp"

namespace weave::overlay {

namespace {

constexpr int kFramesPerRound = 64;      // then what is packed goes, and the tables are looked at again
constexpr int kReceptionsPerRound = 16;  // the same
constexpr int kMaxHandedOver = 64;       // frames that wait for the control thread; up to 60 KB each
constexpr auto kExpiryInterval = std::chrono::minutes(1);

Time clock_now() {
  return std::chrono::steady_clock::now();
}

// Wakes a thread in poll(), to end it.
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

// A thread that takes no signals: they are the control thread's.
template <class F>
std::thread quiet_thread(const char* name, F run) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(run));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread.native_handle(), name);
  return thread;
}

void add(const SleeveCounters::Flow& flow, SleeveDiagnostics::Flow& sum) {
  sum.packets += flow.packets.load(std::memory_order_relaxed);
  sum.bytes += flow.bytes.load(std::memory_order_relaxed);
}

void add_drops(const SleeveCounters& counters, std::map<std::string, uint64_t>& sum) {
  for (size_t i = 0; i < kDropKinds; ++i)
    if (auto count = counters.drops[i].load(std::memory_order_relaxed))
      sum[std::string(name_of(static_cast<Drop>(i)))] += count;
}

}  // namespace

struct SleeveDatapath::Impl : std::enable_shared_from_this<SleeveDatapath::Impl> {
  // A confirmed connection.
  struct Receiver {
    Sleeve* sleeve;
    std::function<void()> changed;
    SleevePath path;  // as last published
  };

  Impl(asio::any_io_executor ex, PeerName name, Ipv4 host, uint16_t port)
      : executor(asio::prefer(ex, asio::execution::outstanding_work.tracked)), self(name), udp(host, port) {
    auto none = std::make_shared<RouteTable>();
    none->self = self;
    routes = std::move(none);
    publish();
    link.send = [this](const UdpAddress& to, Ipv4 from, ByteView payload, bool df) {
      return udp.send(to, from, payload, df);
    };
  }

  // -- the control thread
  void publish() {
    auto next = std::make_shared<SleeveTables>();
    next->routes = routes;
    next->trunk = trunk_table;
    if (tap) next->bridge_mtu = tap->mtu();
    for (const auto& [name, entry] : receivers) next->paths.emplace(name, entry.path);
    tables.set(std::move(next));
  }
  void update(PeerName remote, const Sleeve* sleeve) {
    auto found = receivers.find(remote);
    if (found == receivers.end() || found->second.sleeve != sleeve) return;
    auto path = sleeve->path();
    if (path == found->second.path) return;
    found->second.path = std::move(path);
    publish();
  }
  // Calls something with a connection's Sleeve, if it is still the one that `tunnel` belonged to.
  template <class F>
  void with(const std::shared_ptr<SleeveTunnel>& tunnel, F call) {
    auto found = receivers.find(tunnel->remote);
    if (found == receivers.end() || found->second.path.tunnel != tunnel) return;
    // Whoever hears of the change may end the connection, and the Sleeve with it.
    auto changed = found->second.changed;
    call(*found->second.sleeve);
    update(tunnel->remote, found->second.sleeve);
    if (changed) changed();
  }
  void take_routes() {
    trunk_table = place == TapPlace::kTrunk ? std::make_shared<TrunkTable>(*routes) : nullptr;
    publish();
  }
  void start_threads();
  void stop_threads();
  void set_tap(std::unique_ptr<Tap> next, TapPlace where) {
    stop_threads();
    tap = std::move(next);
    if (!tap) interface.clear();
    place = where;
    take_routes();
    start_threads();
  }
  void lost_bridge() {
    log::error("{} is gone: no frames are carried", interface);
    set_tap({}, TapPlace::kPort);
  }

  // -- any thread
  // Has the control thread call something soon; false when too much waits already.
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

  // -- threads of their own
  void receive_from_peers();
  void send_to_peers();

  asio::any_io_executor executor;
  const PeerName self;
  SleeveUdp udp;
  SleevePort link;
  std::map<PeerName, Receiver> receivers;
  std::shared_ptr<const RouteTable> routes;
  Published<SleeveTables> tables{nullptr};
  MacTable macs;
  SleeveCounters sending, receiving;  // of the threads
  std::string interface;
  TapPlace place = TapPlace::kPort;
  std::shared_ptr<const TrunkTable> trunk_table;
  std::unique_ptr<Tap> tap;  // changed only while the threads stand still
  StopSignal stop;
  std::thread receiver, sender;
  std::atomic<int> handed_over{0};
  bool ended = false;
};

void SleeveDatapath::Impl::start_threads() {
  stop.clear();
  receiver = quiet_thread("sleeve-receive", [this] { receive_from_peers(); });
  if (tap) sender = quiet_thread("sleeve-send", [this] { send_to_peers(); });
}

void SleeveDatapath::Impl::stop_threads() {
  stop.raise();
  if (receiver.joinable()) receiver.join();
  if (sender.joinable()) sender.join();
}

Packer::Transmit SleeveDatapath::Impl::transmitter(SleeveCounters& counters, bool wait) {
  return [this, &counters, wait](const SleevePath& path, bool df, ByteView packets, size_t packet_size) {
    auto result = udp.send_batch(*path.remote, path.local, packets, packet_size, df, wait);
    size_t count = (packets.size() + packet_size - 1) / packet_size;
    if (result.refused < count) counters.sent.add(packets.size(), count - result.refused);
    if (result.refused == 0) return;
    counters.drop(result.last.path_mtu > 0 ? Drop::kTooBig : Drop::kRefused, result.refused);
    if (result.last.path_mtu > 0)
      hand_over([tunnel = path.tunnel, mtu = result.last.path_mtu](Impl& impl) {
        impl.with(tunnel, [&](Sleeve& sleeve) { sleeve.too_big(mtu, clock_now()); });
      });
    else
      log::debug("sleeve: can't send to {}: {}", path.remote->str(), result.last.reason);
  };
}

void SleeveDatapath::Impl::write_to_bridge(SleeveCounters& counters, const VnetHeader& header, const TrunkTags& tags,
                                           ByteView frame) const {
  if (tap && tap->write(header, tags, frame))
    counters.injected.add(frame.size());
  else
    counters.drop(Drop::kBridgeRefused);
}

void SleeveDatapath::Impl::receive_from_peers() {
  Published<SleeveTables>::Reader reader(tables);
  TrunkTags merged;  // of all that the merger holds
  TcpMerger merger(
      [&](const VnetHeader& header, ByteView frame) { write_to_bridge(receiving, header, merged, frame); });
  Carrier carrier(macs, receiving,
                  {.transmit = transmitter(receiving, false), .inject = [&](const TrunkTags& tags, ByteView frame) {
                     if (tags != merged) merger.flush();
                     merged = tags;
                     merger.add(frame);
                   }});
  SleeveUdp::Inbox inbox;
  auto expire_at = clock_now() + kExpiryInterval;

  const SleeveTables* now_valid = nullptr;
  Time now;
  auto handle = [&](std::span<uint8_t> packet, const UdpAddress& from) {
    auto sender_name = sleeve_sender(packet);
    auto found = sender_name ? now_valid->paths.find(*sender_name) : now_valid->paths.end();
    if (found == now_valid->paths.end()) return receiving.drop(Drop::kUnknownSender);
    const auto& tunnel = found->second.tunnel;
    receiving.received.add(packet.size());
    auto opened = tunnel->opener.open_in_place(packet);
    if (!opened) {
      log::debug("sleeve: from {}: {}", from.str(), opened.error());
      log::warning("sleeve ->[{}]: packets are dropped that don't authenticate", tunnel->remote.str());
      return receiving.drop(Drop::kNotAuthentic);
    }
    if (!*opened) return receiving.drop(Drop::kReplayed);
    RecordReader records(**opened);
    while (auto record = records.next()) {
      if (!Sleeve::is_special(record->frame)) {
        carrier.received(*now_valid, tunnel->remote, *record, now);
        continue;
      }
      auto take = [tunnel, from, source = record->source, destination = record->destination,
                   frame = Bytes(record->frame.begin(), record->frame.end())](Impl& impl) {
        impl.with(tunnel, [&](Sleeve& sleeve) { sleeve.receive({source, destination, frame}, from, clock_now()); });
      };
      if (!hand_over(std::move(take))) receiving.drop(Drop::kCongested);
    }
    if (records.error().empty()) return;
    log::debug("sleeve ->[{}]: from {}: {}", tunnel->remote.str(), from.str(), records.error());
    receiving.drop(Drop::kMalformed);
  };

  std::array<pollfd, 2> wanted{{{udp.receiver(), POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
  for (;;) {
    poll(wanted.data(), wanted.size(), std::chrono::milliseconds(kExpiryInterval).count());
    if (wanted[1].revents) return;
    now = clock_now();
    now_valid = &reader.refresh();
    for (int i = 0; i < kReceptionsPerRound && inbox.receive(udp, handle); ++i) {
      merger.flush();
      carrier.flush();
    }
    if (now < expire_at) continue;
    macs.expire(now);
    expire_at = now + kExpiryInterval;
  }
}

void SleeveDatapath::Impl::send_to_peers() {
  Published<SleeveTables>::Reader reader(tables);
  Carrier carrier(macs, sending,
                  {.transmit = transmitter(sending, true), .inject = [this](const TrunkTags& tags, ByteView frame) {
                     write_to_bridge(sending, {}, tags, frame);
                   }});
  Bytes buffer(Tap::kMaxSize);
  std::array<pollfd, 2> wanted{{{tap->fd(), POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
  for (;;) {
    poll(wanted.data(), wanted.size(), -1);
    if (wanted[1].revents) return;
    if (wanted[0].revents & (POLLERR | POLLNVAL)) {
      if (hand_over([](Impl& impl) { impl.lost_bridge(); })) return;
      if (poll(&wanted[1], 1, 10) > 0) return;
      continue;
    }
    const auto& current = reader.refresh();
    auto now = clock_now();
    for (int i = 0; i < kFramesPerRound; ++i) {
      VnetHeader header;
      auto frame = tap->read(header, buffer);
      if (frame.empty()) break;
      carrier.captured(current, header, frame, now);
    }
    carrier.flush();
  }
}

namespace {

// Gets the peer's packets as long as it lives. A newer connection to the same peer takes them over.
template <class Impl>
class RegisteredSleeve : public Sleeve {
 public:
  RegisteredSleeve(std::shared_ptr<Impl> impl, Link link, std::function<void()> changed)
      : Sleeve(link, impl->link), impl_(std::move(impl)), remote_(link.remote), changed_(std::move(changed)) {}
  ~RegisteredSleeve() override {
    auto found = impl_->receivers.find(remote_);
    if (found == impl_->receivers.end() || found->second.sleeve != this) return;
    impl_->receivers.erase(found);
    impl_->publish();
  }
  void confirm(Time now) override {
    impl_->receivers[remote_] = {this, changed_, path()};
    impl_->publish();
    Sleeve::confirm(now);
    impl_->update(remote_, this);
  }
  void control(uint8_t tag, ByteView payload, Time now) override {
    Sleeve::control(tag, payload, now);
    impl_->update(remote_, this);
  }
  void tick(Time now) override {
    Sleeve::tick(now);
    impl_->update(remote_, this);
  }

 private:
  std::shared_ptr<Impl> impl_;
  PeerName remote_;
  std::function<void()> changed_;
};

}  // namespace

SleeveDatapath::SleeveDatapath(asio::any_io_executor executor, PeerName self, Ipv4 host, uint16_t port)
    : impl_(std::make_shared<Impl>(std::move(executor), self, host, port)) {
  impl_->start_threads();
}

SleeveDatapath::~SleeveDatapath() {
  impl_->ended = true;
  impl_->stop_threads();
  impl_->tap.reset();
  // It counts as work of the io_context, and a forwarder that is left over holds on to all this.
  impl_->executor = {};
}

Result<std::unique_ptr<Forwarder>> SleeveDatapath::make(Link link, std::function<void()> changed) {
  if (!link.local || !link.remote_address) return Refused("sleeve needs an IPv4 connection");
  return std::make_unique<RegisteredSleeve<Impl>>(impl_, std::move(link), std::move(changed));
}

int SleeveDatapath::start(const std::string& bridge, TapPlace place, const std::string& interface) {
  stop();
  auto tap = std::make_unique<Tap>(interface, bridge, place);
  int index = tap->index();
  impl_->interface = interface;
  impl_->set_tap(std::move(tap), place);
  log::info("sleeve: carries {} by {}",
            place == TapPlace::kTrunk ? "what the fast datapath can't" : "frames of " + bridge, interface);
  return index;
}

bool SleeveDatapath::carries() const {
  return impl_->tap != nullptr;
}

void SleeveDatapath::stop() {
  if (impl_->tap) impl_->set_tap({}, TapPlace::kPort);
}

void SleeveDatapath::set_routes(std::shared_ptr<const RouteTable> routes) {
  impl_->routes = std::move(routes);
  impl_->take_routes();
}

void SleeveDatapath::forget(PeerName peer) {
  impl_->macs.forget(peer);
}

void SleeveDatapath::learn_local(const Mac& mac) {
  impl_->macs.learn(mac, impl_->self, clock_now());
}

SleeveDiagnostics SleeveDatapath::diagnostics() const {
  SleeveDiagnostics out;
  out.interface = impl_->interface;
  out.place = impl_->place;
  for (const auto* counters : {&impl_->sending, &impl_->receiving}) {
    add(counters->captured, out.captured);
    add(counters->injected, out.injected);
    add(counters->sent, out.sent);
    add(counters->received, out.received);
    add(counters->relayed, out.relayed);
    add_drops(*counters, counters == &impl_->sending ? out.dropped_sending : out.dropped_receiving);
  }
  out.macs = impl_->macs.entries(clock_now());
  std::sort(out.macs.begin(), out.macs.end(), [](const auto& a, const auto& b) { return a.mac < b.mac; });
  return out;
}

uint16_t SleeveDatapath::port() const {
  return impl_->udp.port();
}

}  // namespace weave::overlay
