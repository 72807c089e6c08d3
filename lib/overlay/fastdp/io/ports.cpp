#include "overlay/fastdp/io/datapath_impl.hpp"

namespace weave::overlay {

namespace {

constexpr uint32_t kMostEpochs = 10;  // a MAC that wasn't seen for so long is forgotten

}  // namespace

// The bridge may have been made anew, or have lost our port.
void FastDatapath::Impl::restore_port(const host::Link& bridge) {
  auto side = net.find_link(kBridgeSide);
  if (side && side->master == bridge.index && static_cast<uint32_t>(side->index) == kernel->settings().bridge_port)
    return;
  auto veth = ensure_fast_veth(net, bridge);
  kernel->attach("from_bridge", veth.datapath.index);
  datapath_index = veth.datapath.index;
  auto settings = kernel->settings();
  settings.bridge_port = static_cast<uint32_t>(veth.bridge.index);
  kernel->set_settings(settings);
  log::warning("restored a missing bridge port: bridge={} interface={}", bridge.name, kBridgeSide);
}

void FastDatapath::Impl::refresh_ports() {
  auto bridge = net.find_link(config.bridge);
  if (!bridge) return;
  restore_port(*bridge);
  std::set<int> present;
  if (mode == FastMode::kDirect)
    for (const auto& link : container_links(net, bridge->index)) {
      present.insert(link.index);
      if (containers.contains(link.index)) continue;
      try {
        kernel->attach("from_container", link.index);
      } catch (const Error& error) {
        log::warning("no direct delivery to a container: interface={} reason={}", link.name, error.what());
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

void FastDatapath::Impl::restore_program(const char* program, int link) {
  if (FastKernel::attached(link)) return;
  auto found = net.find_link(link);
  if (!found) return;
  kernel->attach(program, link);
  log::warning("restored a missing program: interface={} program={}", found->name, program);
}

void FastDatapath::Impl::restore() {
  bool moved = false;
  for (auto& [udp, index] : devices) {
    auto link = net.find_link(index);
    if (link && link->up) continue;
    auto vxlan = ensure_fast_vxlan(net, udp);
    kernel->attach("from_tunnel", vxlan.link.index);
    moved = moved || vxlan.link.index != index;
    index = vxlan.link.index;
    log::warning("restored a missing VXLAN device: interface={}", vxlan.link.name);
  }
  for (const auto& [udp, index] : devices) restore_program("from_tunnel", index);
  restore_program("from_bridge", datapath_index);
  if (mode == FastMode::kDirect)
    for (int link : containers) restore_program("from_container", link);
  for (int link : underlays) restore_program("from_wire", link);
  if (sleeve_index) restore_program("from_sleeve", sleeve_index);
  for (int link : guarded_links)
    if (!FastKernel::attached(link, true) && net.find_link(link)) kernel->guard(link);
  // A hairpin port would send frames of the tunnel back to it.
  if (auto side = net.find_link(kBridgeSide); side && net.hairpin(side->index)) {
    net.set_hairpin(side->index, false);
    log::warning("hairpin mode was switched on and is off again: interface={}", kBridgeSide);
  }
  // Hops name the device that is gone.
  if (moved) {
    refused = true;
    if (table.wanted().self) update();
  }
}

void FastDatapath::Impl::next_epoch() {
  auto settings = kernel->settings();
  ++settings.epoch;
  kernel->set_settings(settings);
  for (const auto& entry : kernel->macs())
    if (entry.place != FASTDP_PLACE_HOST && settings.epoch - entry.epoch > kMostEpochs) kernel->remove_mac(entry.mac);
  // Frames with many source MACs can fill the table and evict entries; the bridge's own entry is written again.
  kernel->set_mac(bridge_mac, FASTDP_PLACE_HOST, settings.epoch);
}

}  // namespace weave::overlay
