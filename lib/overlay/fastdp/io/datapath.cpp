#include "overlay/fastdp/io/datapath.hpp"

#include <fcntl.h>
#include <fmt/ranges.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/asio.hpp"
#include "base/failures.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "overlay/fastdp/io/devices.hpp"
#include "overlay/fastdp/io/esp.hpp"
#include "overlay/fastdp/io/sockets.hpp"
#include "overlay/fastdp/io/kernel.hpp"

namespace weave::overlay {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kEpochLength = 1min;
constexpr uint32_t kMostEpochs = 10;  // a MAC that wasn't seen for so long is forgotten
constexpr auto kSettle = 50ms;        // links change in swarms

}  // namespace

const char* to_string(FastMode mode) {
  return mode == FastMode::kDirect ? "direct" : "bridge";
}

struct FastDatapath::Impl : std::enable_shared_from_this<FastDatapath::Impl> {
  class Registered;

  Impl(asio::any_io_executor on, FastDatapathConfig with)
      : executor(std::move(on)),
        config(std::move(with)),
        links(executor),
        ring(executor),
        socket(heartbeat_socket()) {
    auto bridge = net.link(config.bridge);
    bridge_index = bridge.index;
    port.port = config.port;
    port.mtu = static_cast<uint16_t>(std::min<uint32_t>(bridge.mtu, 65000));
    port.send = [this](const FastHop& hop, ByteView payload) { return send_from(socket.get(), hop, payload); };
    port.short_id = [this](PeerName name) -> std::optional<uint16_t> {
      auto found = topology.ids.find(name);
      return found == topology.ids.end() ? std::nullopt : std::optional(found->second);
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
    } catch (...) {
      for (const auto& name : made) net.remove_link(name);
      if (!adopted) FastKernel::unpin(config.pin_directory);
      if (!adopted && esp) guarded([] { FastEsp::remove(); });
      throw;
    }
    refresh_ports();
    kernel->on_heartbeat = [this](const ReceivedHeartbeat& heartbeat) { receive(heartbeat); };
    links.assign(link_monitor().release());
    ring.assign(::fcntl(kernel->heartbeats_fd(), F_DUPFD_CLOEXEC, 0));
  }

  void load() {
    mode = config.mode;
    if (mode == FastMode::kDirect) try {
        kernel = std::make_unique<FastKernel>(config.pin_directory, true);
      } catch (const Error& error) {
        reason = error.what();
        log::warning("fastdp: no direct delivery, frames cross the bridge: {}", reason);
        mode = FastMode::kBridge;
      }
    if (!kernel) kernel = std::make_unique<FastKernel>(config.pin_directory, false);
    adopted = kernel->adopted();
    // Programs of another version may hang somewhere, with maps that nobody writes any more.
    if (!adopted)
      for (const auto& link : net.links()) FastKernel::detach(link.index);
  }

  void open_esp() {
    port.no_esp = "the router has no password";
    port.rekey_after = config.rekey_after;
    if (!config.encrypted) return;
    try {
      esp = std::make_unique<FastEsp>();
      port.esp = esp.get();
      port.no_esp.clear();
    } catch (const Error& error) {
      port.no_esp = error.what();
      log::warning("fastdp: not for encrypted connections: {}", port.no_esp);
    }
  }

  // Brings the maps to where the programs may use them.
  void prepare(const host::Link& bridge, const FastVeth& veth) {
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

  // Takes over the frames that an earlier router's maps keep flowing: with our programs, devices as they are now, and
  // no other ways than our mode knows.
  void adopt() {
    adopted_id = kernel->settings().self == FASTDP_NO_SELF
                     ? std::nullopt
                     : std::optional(static_cast<uint16_t>(kernel->settings().self));
    auto now = Clock::now();
    try {
      std::vector<FastWrite> writes;
      for (const auto& [found, slot] : kernel->read_hops()) {
        auto hop = found;
        if (hop.underlay && !(pushes() && watch_wire(hop.underlay))) {
          FastKernel::detach(hop.underlay);
          hop.underlay = 0;
          hop.gateway = {};
        }
        writes.emplace_back(WriteHop{slot, hop});
      }
      kernel->apply(writes, [this](uint16_t udp) { return device_of(udp); });
    } catch (const Error& error) {
      log::warning("fastdp: what an earlier router left can't be gone on with: {}", error.what());
      now -= FastTable::kLinger;
    }
    // What the earlier one sent in clear may have to be encrypted now, or the other way round: that ends at once.
    auto usable = [this](bool encrypted) { return encrypted ? esp != nullptr : !config.encrypted; };
    auto goes_on = kernel->read_snapshot();
    FastSnapshot ends{.self = goes_on.self, .peers = {}, .floods = {}, .sources = {}};
    auto part = [&](auto& from, auto& into, const auto& stays) {
      for (auto each = from.begin(); each != from.end();) {
        if (!stays(each->second)) into.insert(*each);
        each = stays(each->second) ? std::next(each) : from.erase(each);
      }
    };
    part(goes_on.peers, ends.peers,
         [&](const FastWay& way) { return way.kind != FastWay::Kind::kFast || usable(way.hop.mark != 0); });
    part(goes_on.sources, ends.sources, [&](const FastSource& source) { return usable(source.esp_port != 0); });
    table.adopt(goes_on, kernel->read_hops(), now);
    table.adopt(ends, {}, now - FastTable::kLinger);
    apply(FastSnapshot{.self = adopted_id, .peers = {}, .floods = {}, .sources = {}});
  }

  bool pushes() const { return mode == FastMode::kDirect && config.push; }

  // Frames that come by this interface of the underlay may be taken there; false when the kernel refuses.
  bool watch_wire(int link) {
    if (underlays.contains(link)) return true;
    try {
      kernel->attach("from_wire", link);
      underlays.insert(link);
      return true;
    } catch (const Error& error) {
      log::warning("fastdp: frames take the way by the VXLAN device: {}", error.what());
      return false;
    }
  }

  uint32_t device_of(uint16_t udp) {
    auto found = devices.find(udp);
    if (found != devices.end()) return static_cast<uint32_t>(found->second);
    auto vxlan = ensure_fast_vxlan(net, udp);
    kernel->attach("from_tunnel", vxlan.link.index);
    devices[udp] = vxlan.link.index;
    return static_cast<uint32_t>(vxlan.link.index);
  }

  void apply(FastSnapshot wanted) {
    auto writes = table.update(std::move(wanted), Clock::now());
    if (refused) {
      auto all = table.everything();
      writes.insert(writes.end(), all.begin(), all.end());
    }
    refused = true;
    kernel->apply(writes, [this](uint16_t udp) { return device_of(udp); });
    refused = false;
  }

  // The topology as last told, with the hops as the forwarders know them now.
  void update() {
    FastTopology picture{.self = topology.self,
                         .ids = topology.ids,
                         .next_hop = topology.next_hop,
                         .broadcast = topology.broadcast,
                         .neighbours = {}};
    for (const auto& [name, fast] : topology.neighbours) {
      auto found = forwarders.find(name);
      if (found != forwarders.end() && ((fast && may_send(found->second)) || resumes(name, found->second)))
        picture.neighbours[name] = with_underlay(hop(found->second));
      else if (found != forwarders.end() || !fast)
        picture.neighbours[name] = std::nullopt;
      // Otherwise its connection has just ended, and the topology is about to say so.
    }
    auto wanted = make_snapshot(picture);
    // The peer may use this overlay before we do.
    for (const auto& [name, forwarder] : forwarders) {
      wanted.sources[hop(forwarder).remote] = source_of(hop(forwarder));
      if (hop(forwarder).mark) guard(hop(forwarder));
    }
    apply(std::move(wanted));
  }

  // The last look at what leaves by the interface to the hop. Without it there are still the policies.
  void guard(const FastHop& hop) {
    auto route = net.route_to(hop.remote, hop.local);
    if (!route || guarded_links.contains(route->link)) return;
    guarded([&] {
      kernel->guard(route->link);
      guarded_links.insert(route->link);
    });
  }

  // The hop with the way that the kernel would take to it, if frames may go there past the VXLAN device.
  FastHop with_underlay(FastHop hop) {
    if (!pushes() || hop.mark) return hop;
    auto route = net.route_to(hop.remote, hop.local);
    auto link = route ? net.find_link(route->link) : std::nullopt;
    // Tunnels and the like have no Ethernet header to put on.
    if (!link || !link->ethernet || !watch_wire(link->index)) return hop;
    hop.underlay = link->index;
    hop.gateway = route->gateway.value_or(Ipv4{});
    return hop;
  }

  // A router came back: frames go on where they went before, instead of by sleeve till the first acknowledgement.
  bool resumes(PeerName name, const Registered* forwarder);
  bool any_on_probation(Time now) const;
  static FastHop hop(const Registered* forwarder);
  static bool may_send(const Registered* forwarder);
  void receive(const ReceivedHeartbeat& heartbeat);

  // The bridge may have been made anew, or have lost our port.
  void meet(const host::Link& bridge) {
    auto side = net.find_link(kBridgeSide);
    if (side && side->master == bridge.index && static_cast<uint32_t>(side->index) == kernel->settings().bridge_port)
      return;
    auto veth = ensure_fast_veth(net, bridge);
    kernel->attach("from_bridge", veth.datapath.index);
    auto settings = kernel->settings();
    settings.bridge_port = static_cast<uint32_t>(veth.bridge.index);
    kernel->set_settings(settings);
    log::warning("fastdp: {} had lost its port {}, which is back", bridge.name, kBridgeSide);
  }

  void refresh_ports() {
    auto bridge = net.find_link(config.bridge);
    if (!bridge) return;
    meet(*bridge);
    std::set<int> present;
    if (mode == FastMode::kDirect)
      for (const auto& link : container_links(net, bridge->index)) {
        present.insert(link.index);
        if (containers.contains(link.index)) continue;
        try {
          kernel->attach("from_container", link.index);
        } catch (const Error& error) {
          log::warning("fastdp: {} stays behind the bridge: {}", link.name, error.what());
        }
      }
    else
      for (const auto& link : container_links(net, bridge->index)) FastKernel::detach(link.index);
    // A port that was taken off the bridge isn't on the network any more, whether we saw it go or not.
    for (int link : containers)
      if (!present.contains(link)) FastKernel::detach(link);
    if (first_refresh)
      for (const auto& link : net.links())
        if (link.name.starts_with("vethw") && link.peer_elsewhere && !present.contains(link.index))
          FastKernel::detach(link.index);
    bool gone = first_refresh || !std::includes(present.begin(), present.end(), containers.begin(), containers.end());
    first_refresh = false;
    containers = std::move(present);
    if (gone)
      for (const auto& entry : kernel->macs())
        if (entry.place & FASTDP_PLACE_CONTAINER &&
            !containers.contains(static_cast<int>(entry.place & ~FASTDP_PLACE_CONTAINER)))
          kernel->remove_mac(entry.mac);
    if (bridge->mac != bridge_mac) {
      kernel->remove_mac(bridge_mac);
      bridge_mac = bridge->mac;
      kernel->set_mac(bridge_mac, FASTDP_PLACE_HOST, kernel->settings().epoch);
    }
  }

  void next_epoch() {
    auto settings = kernel->settings();
    ++settings.epoch;
    kernel->set_settings(settings);
    for (const auto& entry : kernel->macs())
      if (entry.place != FASTDP_PLACE_HOST && settings.epoch - entry.epoch > kMostEpochs) kernel->remove_mac(entry.mac);
    // The table is full of strangers' addresses if somebody wants it so; ours must not be among those that go.
    kernel->set_mac(bridge_mac, FASTDP_PLACE_HOST, settings.epoch);
  }

  // What runs by itself. Each loop ends with the descriptor that it waits on, or when it is stopped.
  static asio::awaitable<void> watch_heartbeats(std::shared_ptr<Impl> self) {
    while (!self->stopped) {
      auto [code] = co_await self->ring.async_wait(asio::posix::stream_descriptor::wait_read, kAsResult);
      if (code || self->stopped) co_return;
      self->kernel->read_heartbeats();
    }
  }
  static asio::awaitable<void> watch_links(std::shared_ptr<Impl> self) {
    asio::steady_timer pause(self->executor);
    while (!self->stopped) {
      auto [code] = co_await self->links.async_wait(asio::posix::stream_descriptor::wait_read, kAsResult);
      if (code || self->stopped) co_return;
      pause.expires_after(kSettle);
      co_await pause.async_wait(kAsResult);
      if (self->stopped) co_return;
      drain(self->links.native_handle());
      self->guarded([&] { self->refresh_ports(); });
      // The way to a neighbour may have changed.
      if (self->table.wanted().self) self->guarded([&] { self->update(); });
    }
  }
  static asio::awaitable<void> watch_time(std::shared_ptr<Impl> self) {
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
  template <class Work>
  void guarded(const Work& work) {
    try {
      work();
    } catch (const std::exception& error) {
      log::error("fastdp: {}", error.what());
    }
  }

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
  int sleeve = 0;
  FastTable table;
  Topology topology;
  std::unique_ptr<FastEsp> esp;  // nothing: see FastPort::no_esp
  FastPort port;
  std::map<PeerName, Registered*> forwarders;  // confirmed; the newest of each peer
  asio::posix::stream_descriptor links, ring;
  UniqueFd socket;
};

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

bool FastDatapath::Impl::any_on_probation(Time now) const {
  return std::any_of(forwarders.begin(), forwarders.end(),
                     [&](const auto& entry) { return entry.second->on_probation(now); });
}

bool FastDatapath::Impl::resumes(PeerName name, const Registered* forwarder) {
  auto id = port.short_id(name);
  auto current = id ? table.current(*id) : std::nullopt;
  auto wanted = hop(forwarder);
  return current && current->remote == wanted.remote && current->mark == wanted.mark &&
         (!wanted.mark || esp->sends(wanted)) && forwarder->on_probation(Clock::now());
}

bool FastDatapath::Impl::may_send(const Registered* forwarder) {
  return forwarder->may_send();
}

FastHop FastDatapath::Impl::hop(const Registered* forwarder) {
  return forwarder->hop();
}

void FastDatapath::Impl::receive(const ReceivedHeartbeat& heartbeat) {
  auto conn_uid = decode_heartbeat(heartbeat.head, heartbeat.size);
  if (!conn_uid) return;
  for (auto& [name, forwarder] : forwarders) {
    if (forwarder->link().conn_uid != *conn_uid) continue;
    // Whoever hears of the change may end the connection, and the forwarder with it.
    auto changed = forwarder->changed();
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

void FastDatapath::update(Topology topology) {
  impl_->topology = std::move(topology);
  impl_->update();
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
  auto settings = impl_->kernel->settings();
  settings.sleeve = static_cast<uint32_t>(link);
  impl_->kernel->set_settings(settings);
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
  for (size_t i = 0; i < counters.size(); ++i)
    out.counters.push_back({counter_name(i), counters[i], i >= FASTDP_DROPS});
  auto epoch = impl_->kernel->settings().epoch;
  for (const auto& entry : impl_->kernel->macs()) {
    Place place{.mac = entry.mac, .peer = {}, .container = 0, .minutes = epoch - entry.epoch};
    if (entry.place < FASTDP_IDS) place.peer = static_cast<uint16_t>(entry.place);
    if (entry.place & FASTDP_PLACE_CONTAINER) place.container = static_cast<int>(entry.place & ~FASTDP_PLACE_CONTAINER);
    out.macs.push_back(place);
  }
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
