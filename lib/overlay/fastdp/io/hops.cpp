#include "overlay/fastdp/io/datapath_impl.hpp"

namespace weave::overlay {

// Takes over the frames that an earlier router's maps keep flowing: with our programs, devices as they are now, and
// no other ways than our mode knows.
void FastDatapath::Impl::adopt() {
  adopted_id = kernel->settings().self == FASTDP_NO_SELF
                   ? std::nullopt
                   : std::optional(static_cast<uint16_t>(kernel->settings().self));
  auto now = std::chrono::steady_clock::now();
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
    log::warning("cannot adopt the hops of the router before: overlay=fastdp reason={}", error.what());
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

// Attaches from_wire to an interface of the underlay, so that frames are taken there; false when the kernel refuses.
bool FastDatapath::Impl::watch_wire(int link) {
  if (underlays.contains(link)) return true;
  try {
    kernel->attach("from_wire", link);
    underlays.insert(link);
    return true;
  } catch (const Error& error) {
    log::warning("frames pass the VXLAN device: overlay=fastdp reason={}", error.what());
    return false;
  }
}

uint32_t FastDatapath::Impl::device_of(uint16_t udp) {
  auto found = devices.find(udp);
  if (found != devices.end()) return static_cast<uint32_t>(found->second);
  auto vxlan = ensure_fast_vxlan(net, udp);
  kernel->attach("from_tunnel", vxlan.link.index);
  devices[udp] = vxlan.link.index;
  return static_cast<uint32_t>(vxlan.link.index);
}

void FastDatapath::Impl::apply(FastSnapshot wanted) {
  auto writes = table.update(std::move(wanted), std::chrono::steady_clock::now());
  if (refused) {
    auto all = table.everything();
    writes.insert(writes.end(), all.begin(), all.end());
  }
  refused = true;
  kernel->apply(writes, [this](uint16_t udp) { return device_of(udp); });
  refused = false;
}

// The topology as last told, with the hops as the forwarders know them now.
void FastDatapath::Impl::update() {
  FastNeighbours neighbours;
  for (const auto& [name, overlay] : topology->neighbours) {
    bool fast = overlay == kFastdpName;
    auto found = forwarders.find(name);
    if (found != forwarders.end() && ((fast && found->second->may_send()) || resumes(name, found->second)))
      neighbours[name] = with_underlay(found->second->hop());
    else if (found != forwarders.end() || !fast)
      neighbours[name] = std::nullopt;
    // Otherwise its connection has just ended, and the topology will say so.
  }
  auto wanted = make_snapshot(*topology, neighbours);
  // The peer may use this overlay before we do.
  for (const auto& [name, forwarder] : forwarders) {
    wanted.sources[forwarder->hop().remote] = source_of(forwarder->hop());
    if (forwarder->hop().mark) guard(forwarder->hop());
  }
  apply(std::move(wanted));
}

// The last look at what leaves by the interface to the hop. Without it there are still the policies.
void FastDatapath::Impl::guard(const FastHop& hop) {
  auto route = net.route_to(hop.remote, hop.local);
  if (!route || guarded_links.contains(route->link)) return;
  guarded([&] {
    kernel->guard(route->link);
    guarded_links.insert(route->link);
  });
}

// The hop with the way that the kernel would take to it, if frames may go there past the VXLAN device.
FastHop FastDatapath::Impl::with_underlay(FastHop hop) {
  if (!pushes() || hop.mark) return hop;
  auto route = net.route_to(hop.remote, hop.local);
  auto link = route ? net.find_link(route->link) : std::nullopt;
  // Tunnels and the like have no Ethernet header to put on.
  if (!link || !link->ethernet || !watch_wire(link->index)) return hop;
  hop.underlay = link->index;
  hop.gateway = route->gateway.value_or(Ipv4{});
  return hop;
}

bool FastDatapath::Impl::any_on_probation(Time now) const {
  return std::any_of(forwarders.begin(), forwarders.end(),
                     [&](const auto& entry) { return entry.second->on_probation(now); });
}

bool FastDatapath::Impl::resumes(PeerName name, const FastForwarder* forwarder) const {
  auto id = port.short_id(name);
  auto current = id ? table.current(*id) : std::nullopt;
  const auto& wanted = forwarder->hop();
  return current && current->remote == wanted.remote && current->mark == wanted.mark &&
         (!wanted.mark || esp->sends(wanted)) && forwarder->on_probation(std::chrono::steady_clock::now());
}

}  // namespace weave::overlay
