#include "overlay/fastdp/io/datapath.hpp"

#include <fcntl.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/asio.hpp"
#include "base/failures.hpp"
#include "host/link_monitor.hpp"
#include "overlay/fastdp/counters.hpp"
#include "overlay/fastdp/io/datapath_impl.hpp"
#include "overlay/fastdp/io/sockets.hpp"

namespace weave::overlay {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kEpochLength = 1min;
constexpr auto kSettle = 50ms;  // after a change of a link: more changes follow

}  // namespace

const char* to_string(FastMode mode) {
  return mode == FastMode::kDirect ? "direct" : "bridge";
}

FastDatapath::Impl::Impl(asio::any_io_executor on, FastDatapathConfig with)
    : executor(std::move(on)), config(std::move(with)), links(executor), ring(executor), socket(heartbeat_socket()) {
  auto bridge = net.link(config.bridge);
  bridge_index = bridge.index;
  port.port = config.port;
  port.mtu = static_cast<uint16_t>(std::min<uint32_t>(bridge.mtu, 65000));
  port.send = [this](const FastHop& hop, ByteView payload) { return send_from(socket.get(), hop, payload); };
  port.short_id = [this](PeerName name) -> std::optional<uint16_t> {
    auto found = topology->ids.find(name);
    return found == topology->ids.end() ? std::nullopt : std::optional(found->second);
  };
  std::vector<std::string> made;
  try {
    auto veth = ensure_fast_veth(net, bridge);
    if (veth.created) made.emplace_back(kBridgeSide);
    auto vxlan = ensure_fast_vxlan(net, config.port);
    if (vxlan.created) made.push_back(vxlan_name(config.port));
    load();
    open_esp();
    prepare(bridge, veth);
    if (!config.encrypted) {  // no frame needs it any more
      guarded([] { FastEsp::remove(); });
      for (const auto& link : net.links()) FastKernel::unguard(link.index);
    }
    kernel->attach("from_tunnel", vxlan.link.index);
    devices[config.port] = vxlan.link.index;
    kernel->attach("from_bridge", veth.datapath.index);
    datapath_index = veth.datapath.index;
  } catch (...) {
    for (const auto& name : made) net.remove_link(name);
    if (!adopted) FastKernel::unpin(config.pin_directory);
    if (!adopted && esp) guarded([] { FastEsp::remove(); });
    throw;
  }
  refresh_ports();
  kernel->on_heartbeat = [this](const ReceivedHeartbeat& heartbeat) { receive(heartbeat); };
  links.assign(host::link_monitor().release());
  ring.assign(::fcntl(kernel->heartbeats_fd(), F_DUPFD_CLOEXEC, 0));
}

void FastDatapath::Impl::load() {
  mode = config.mode;
  if (mode == FastMode::kDirect) try {
      kernel = std::make_unique<FastKernel>(config.pin_directory, true);
    } catch (const Error& error) {
      reason = error.what();
      log::warning("no direct delivery, frames cross the bridge: overlay=fastdp reason={}", reason);
      mode = FastMode::kBridge;
    }
  if (!kernel) kernel = std::make_unique<FastKernel>(config.pin_directory, false);
  adopted = kernel->adopted();
  // Programs of another version may still be attached, with maps that are no longer written.
  if (!adopted)
    for (const auto& link : net.links()) FastKernel::detach(link.index);
}

void FastDatapath::Impl::open_esp() {
  port.no_esp = "the router has no password";
  port.rekey_after = config.rekey_after;
  if (!config.encrypted) return;
  try {
    esp = std::make_unique<FastEsp>();
    port.esp = esp.get();
    port.no_esp.clear();
  } catch (const Error& error) {
    port.no_esp = error.what();
    log::warning("cannot carry encrypted connections: overlay=fastdp reason={}", port.no_esp);
  }
}

// Brings the maps to where the programs may use them.
void FastDatapath::Impl::prepare(const host::Link& bridge, const FastVeth& veth) {
  auto settings = kernel->settings();
  settings.bridge_port = static_cast<uint32_t>(veth.bridge.index);
  settings.sleeve = 0;
  settings.port = config.port;
  if (settings.epoch == 0) settings.epoch = 1;
  kernel->set_settings(settings);
  bridge_mac = bridge.mac;
  kernel->set_mac(bridge_mac, FASTDP_PLACE_HOST, settings.epoch);
  if (adopted) adopt();
}

// Each loop ends with the descriptor that it waits on, or when it is stopped.
asio::awaitable<void> FastDatapath::Impl::watch_heartbeats(std::shared_ptr<Impl> self) {
  while (!self->stopped) {
    auto [code] = co_await self->ring.async_wait(asio::posix::stream_descriptor::wait_read, kAsResult);
    if (code || self->stopped) co_return;
    self->kernel->read_heartbeats();
  }
}

asio::awaitable<void> FastDatapath::Impl::watch_links(std::shared_ptr<Impl> self) {
  asio::steady_timer pause(self->executor);
  while (!self->stopped) {
    auto [code] = co_await self->links.async_wait(asio::posix::stream_descriptor::wait_read, kAsResult);
    if (code || self->stopped) co_return;
    pause.expires_after(kSettle);
    co_await pause.async_wait(kAsResult);
    if (self->stopped) co_return;
    host::drain(self->links.native_handle());
    self->guarded([&] { self->refresh_ports(); });
    // The way to a neighbour may have changed.
    if (self->table.wanted().self) self->guarded([&] { self->update(); });
  }
}

asio::awaitable<void> FastDatapath::Impl::watch_time(std::shared_ptr<Impl> self) {
  asio::steady_timer timer(self->executor);
  auto epoch_at = Clock::now() + kEpochLength;
  while (!self->stopped) {
    timer.expires_after(1s);
    co_await timer.async_wait(kAsResult);
    if (self->stopped) co_return;
    auto now = Clock::now();
    if (self->esp) self->esp->tick(now);
    bool probing = self->any_on_probation(now);
    if (self->table.next_tick() <= now || probing || self->probed || self->refused)
      self->guarded([&] { self->update(); });
    self->probed = probing;
    if (epoch_at > now) continue;
    epoch_at = now + kEpochLength;
    self->guarded([&] { self->next_epoch(); });
  }
}

// Gets the peer's heartbeats as long as it lives.
class FastDatapath::Impl::Registered : public FastForwarder {
 public:
  Registered(std::shared_ptr<Impl> impl, const Link& link, FastHop hop, std::function<void()> changed)
      : FastForwarder(link, hop, impl->port), impl_(std::move(impl)), changed_(std::move(changed)) {}
  ~Registered() override {
    auto found = impl_->forwarders.find(link().remote);
    if (found != impl_->forwarders.end() && found->second == this) impl_->forwarders.erase(found);
  }
  void confirm(Time now) override {
    impl_->forwarders[link().remote] = this;
    // Opens the port, and lets the peer's frames in.
    impl_->guarded([&] {
      impl_->device_of(hop().port);
      if (!hop().mark && impl_->esp) impl_->esp->forget(hop());
      impl_->update();
    });
    FastForwarder::confirm(now);
  }
  std::function<void()> changed() const { return changed_; }

 private:
  std::shared_ptr<Impl> impl_;
  std::function<void()> changed_;
};

void FastDatapath::Impl::receive(const ReceivedHeartbeat& heartbeat) {
  auto conn_uid = decode_heartbeat(heartbeat.head, heartbeat.size);
  if (!conn_uid) return;
  for (auto& [name, forwarder] : forwarders) {
    if (forwarder->link().conn_uid != *conn_uid) continue;
    // `changed` may end the connection, and the forwarder with it.
    auto changed = static_cast<const Registered*>(forwarder)->changed();
    auto before = forwarder->hop();
    forwarder->receive(heartbeat, Clock::now());
    bool moved = forwarder->hop() != before;
    if (moved) guarded([&] { update(); });
    if (changed) changed();
    return;
  }
}

FastDatapath::FastDatapath(asio::any_io_executor executor, const FastDatapathConfig& config)
    : impl_(std::make_shared<Impl>(executor, config)) {
  asio::co_spawn(executor, Impl::watch_heartbeats(impl_), asio::detached);
  asio::co_spawn(executor, Impl::watch_links(impl_), asio::detached);
  asio::co_spawn(executor, Impl::watch_time(impl_), asio::detached);
}

FastDatapath::~FastDatapath() {
  impl_->stopped = true;
  boost::system::error_code ignored;
  impl_->links.close(ignored);
  impl_->ring.close(ignored);
}

FastMode FastDatapath::mode() const {
  return impl_->mode;
}

const std::string& FastDatapath::reason() const {
  return impl_->reason;
}

const std::string& FastDatapath::no_esp() const {
  return impl_->port.no_esp;
}

std::optional<uint16_t> FastDatapath::adopted_short_id() const {
  return impl_->adopted_id;
}

void FastDatapath::set_topology(std::shared_ptr<const Topology> topology) {
  impl_->topology = std::move(topology);
  impl_->guarded([&] { impl_->update(); });
}

Result<std::unique_ptr<Forwarder>> FastDatapath::make(Link link, std::function<void()> changed) {
  auto hop = fast_hop(link, impl_->port);
  if (!hop) return Refused(hop.error());
  // Both ends use the port of the one that accepted, so it must be open here, too.
  try {
    impl_->device_of(hop->port);
  } catch (const Error& error) {
    return Refused(error.what());
  }
  return std::make_unique<Impl::Registered>(impl_, link, *hop, std::move(changed));
}

void FastDatapath::set_sleeve(int link) {
  if (link) impl_->kernel->attach("from_sleeve", link);
  impl_->sleeve_index = link;
  auto settings = impl_->kernel->settings();
  settings.sleeve = static_cast<uint32_t>(link);
  impl_->kernel->set_settings(settings);
}

void FastDatapath::restore(host::Repairs& repairs) {
  impl_->guarded([&] { impl_->restore(repairs); });
}

void FastDatapath::refresh_ports() {
  impl_->refresh_ports();
}

FastDatapath::Status FastDatapath::status() const {
  Status out{.mode = impl_->mode,
             .reason = impl_->reason,
             .no_esp = impl_->port.no_esp,
             .ports = {},
             .mtu = impl_->port.mtu,
             .containers = impl_->containers.size(),
             .counters = {},
             .macs = {},
             .wanted = impl_->table.wanted()};
  for (const auto& [udp, device] : impl_->devices) out.ports.push_back(udp);
  auto counters = impl_->kernel->counters();
  for (size_t i = 0; i < FASTDP_COUNTERS; ++i)
    out.counters.push_back({std::string(counter_name(i)), counters[i], drop_of(i).has_value()});
  auto epoch = impl_->kernel->settings().epoch;
  for (const auto& entry : impl_->kernel->macs()) {
    Place place{.mac = entry.mac, .peer = {}, .container = 0, .minutes = epoch - entry.epoch};
    if (entry.place < FASTDP_IDS) place.peer = static_cast<uint16_t>(entry.place);
    if (entry.place & FASTDP_PLACE_CONTAINER) place.container = static_cast<int>(entry.place & ~FASTDP_PLACE_CONTAINER);
    out.macs.push_back(place);
  }
  return out;
}

OverlayCounts FastDatapath::counts() const {
  OverlayCounts out;
  auto counters = impl_->kernel->counters();
  auto flow = [&](size_t which) { return OverlayCounts::Flow{counters[which], counters[FASTDP_BYTES + which]}; };
  out.flows["out"] = flow(FASTDP_SENT);
  out.flows["in"] = flow(FASTDP_RECEIVED);
  out.flows["relayed"] = flow(FASTDP_RELAYED);
  for (size_t i = 0; i < FASTDP_COUNTERS; ++i)
    if (auto reason = drop_of(i); reason && counters[i] > 0) out.dropped[std::string(name_of(*reason))] += counters[i];
  return out;
}

void FastDatapath::remove(const std::string& pin_directory) {
  Failures failures;
  host::Netlink net;
  for (const auto& link : net.links())
    failures.attempt([&] {
      if (is_fast_vxlan(net, link)) net.remove_link(link.name);
      if (link.name == kBridgeSide) net.remove_link(link.name);
      FastKernel::detach(link.index);
    });
  failures.attempt([&] { FastKernel::unpin(pin_directory); });
  failures.attempt([] { FastEsp::remove(); });
  failures.throw_if_any();
}

}  // namespace weave::overlay
