#include "overlay/sleeve/io/datapath.hpp"

#include "overlay/sleeve/io/datapath_impl.hpp"

namespace weave::overlay {

namespace {

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

SleeveDatapath::Impl::Impl(asio::any_io_executor ex, PeerName name, Ipv4 host, uint16_t port)
    : executor(asio::prefer(ex, asio::execution::outstanding_work.tracked)), self(name), udp(host, port) {
  auto none = std::make_shared<Topology>();
  none->self = self;
  topology = std::move(none);
  publish();
  link.send = [this](const UdpAddress& to, Ipv4 from, ByteView payload, bool df) {
    auto sent = udp.send(to, from, payload, df);
    if (sent.ok) own.sent.add(payload.size());
    return sent;
  };
}

void SleeveDatapath::Impl::publish() {
  auto next = std::make_shared<SleeveTables>();
  next->topology = topology;
  next->trunk = trunk_table;
  if (tap) next->bridge_mtu = tap->mtu();
  for (const auto& [name, entry] : receivers) next->paths.emplace(name, entry.path);
  tables.set(std::move(next));
}

void SleeveDatapath::Impl::update(PeerName remote, const Sleeve* sleeve) {
  auto found = receivers.find(remote);
  if (found == receivers.end() || found->second.sleeve != sleeve) return;
  auto path = sleeve->path();
  if (path == found->second.path) return;
  found->second.path = std::move(path);
  publish();
}

void SleeveDatapath::Impl::use_topology() {
  trunk_table = place == TapPlace::kTrunk ? std::make_shared<TrunkTable>(*topology) : nullptr;
  publish();
}

void SleeveDatapath::Impl::set_tap(std::unique_ptr<Tap> next, TapPlace where) {
  stop_threads();
  tap = std::move(next);
  if (!tap) interface.clear();
  place = where;
  use_topology();
  start_threads();
}

void SleeveDatapath::Impl::lost_bridge() {
  log::error("the interface was removed, no frames are carried: overlay=sleeve interface={}", interface);
  set_tap({}, TapPlace::kPort);
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
  if (!impl_->unavailable.empty()) return Refused(impl_->unavailable);
  return std::make_unique<RegisteredSleeve<Impl>>(impl_, std::move(link), std::move(changed));
}

int SleeveDatapath::start(const std::string& bridge, TapPlace place, const std::string& interface) {
  stop();
  auto tap = std::make_unique<Tap>(interface, bridge, place);
  int index = tap->index();
  impl_->interface = interface;
  impl_->set_tap(std::move(tap), place);
  log::info("overlay started: overlay=sleeve interface={} place={}", interface,
            place == TapPlace::kTrunk ? "trunk" : "bridge");
  return index;
}

void SleeveDatapath::set_unavailable(std::string reason) {
  impl_->unavailable = std::move(reason);
}

bool SleeveDatapath::carries() const {
  return impl_->tap != nullptr;
}

void SleeveDatapath::stop() {
  if (impl_->tap) impl_->set_tap({}, TapPlace::kPort);
}

void SleeveDatapath::set_topology(std::shared_ptr<const Topology> topology) {
  // A trunk table remembers who brought floods: it stays as long as the routes.
  bool same_routes = topology->next_hop == impl_->topology->next_hop &&
                     topology->broadcast == impl_->topology->broadcast && topology->ids == impl_->topology->ids;
  bool same = same_routes && topology->neighbours == impl_->topology->neighbours;
  impl_->topology = std::move(topology);
  if (!same_routes)
    impl_->use_topology();
  else if (!same)
    impl_->publish();
}

void SleeveDatapath::forget(PeerName peer) {
  impl_->macs.forget(peer);
}

SleeveDiagnostics SleeveDatapath::diagnostics() const {
  SleeveDiagnostics out;
  out.interface = impl_->interface;
  out.place = impl_->place;
  for (const auto* counters : {&impl_->sending, &impl_->receiving, &impl_->own}) {
    add(counters->captured, out.captured);
    add(counters->injected, out.injected);
    add(counters->sent, out.sent);
    add(counters->received, out.received);
    add(counters->relayed, out.relayed);
    add_drops(*counters, counters == &impl_->receiving ? out.dropped_receiving : out.dropped_sending);
  }
  out.macs = impl_->macs.entries(std::chrono::steady_clock::now());
  std::sort(out.macs.begin(), out.macs.end(), [](const auto& a, const auto& b) { return a.mac < b.mac; });
  return out;
}

OverlayCounts SleeveDatapath::counts() const {
  auto known = diagnostics();
  OverlayCounts out;
  out.flows["out"] = {known.sent.packets, known.sent.bytes};
  out.flows["in"] = {known.received.packets, known.received.bytes};
  out.dropped = std::move(known.dropped_sending);
  for (const auto& [reason, count] : known.dropped_receiving) out.dropped[reason] += count;
  return out;
}

uint16_t SleeveDatapath::port() const {
  return impl_->udp.port();
}

}  // namespace weave::overlay
