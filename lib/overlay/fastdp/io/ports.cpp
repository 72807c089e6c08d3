#include "overlay/fastdp/io/datapath_impl.hpp"

namespace weave::overlay {

namespace {

constexpr uint32_t kMostEpochs = 10;  // a MAC that wasn't seen for so long is forgotten

}  // namespace

void FastDatapath::Impl::use_pair(const FastVeth& pair) {
  kernel->attach("from_bridge", pair.datapath.index);
  datapath_index = pair.datapath.index;
  auto settings = kernel->settings();
  settings.bridge_port = static_cast<uint32_t>(pair.bridge.index);
  kernel->set_settings(settings);
}

void FastDatapath::Impl::refresh_ports() {
  auto bridge = net.find_link(config.bridge);
  if (!bridge) return;
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

void FastDatapath::Impl::restore_program(host::Repairs& repairs, const char* program, int link) {
  if (FastKernel::attached(link)) return;
  auto found = net.find_link(link);
  if (!found) return;
  repairs.attempt(fmt::format("program {} on {}", program, found->name), [&] { kernel->attach(program, link); });
}

// The bridge may have been made anew, or have lost our port.
void FastDatapath::Impl::restore_pair(host::Repairs& repairs) {
  auto bridge = net.find_link(config.bridge);
  if (!bridge) return;
  auto inner = net.find_link(kBridgeSide), outer = net.find_link(kDatapathSide);
  auto sound = [&](const std::optional<host::Link>& side) { return side && side->up && side->mtu == bridge->mtu; };
  if (!sound(inner) || !sound(outer) || inner->master != bridge->index || outer->index != datapath_index)
    repairs.attempt(fmt::format("port {}", kBridgeSide), [&] { use_pair(ensure_fast_veth(net, *bridge)); });
  // A hairpin port would send frames of the tunnel back to it.
  if (inner = net.find_link(kBridgeSide); inner && net.hairpin(inner->index))
    repairs.attempt(fmt::format("hairpin flag of {}", kBridgeSide), [&] { net.set_hairpin(inner->index, false); });
}

void FastDatapath::Impl::restore(host::Repairs& repairs) {
  restore_pair(repairs);
  refresh_ports();
  bool moved = false;
  for (auto& [udp, index] : devices) {
    auto link = net.find_link(index);
    if (link && link->up) continue;
    repairs.attempt("VXLAN device " + vxlan_name(udp), [&] {
      auto vxlan = ensure_fast_vxlan(net, udp);
      kernel->attach("from_tunnel", vxlan.link.index);
      moved = moved || vxlan.link.index != index;
      index = vxlan.link.index;
    });
  }
  for (const auto& [udp, index] : devices) restore_program(repairs, "from_tunnel", index);
  restore_program(repairs, "from_bridge", datapath_index);
  if (mode == FastMode::kDirect)
    for (int link : containers) restore_program(repairs, "from_container", link);
  for (int link : underlays) restore_program(repairs, "from_wire", link);
  if (sleeve_index) restore_program(repairs, "from_sleeve", sleeve_index);
  for (int link : guarded_links) {
    auto found = net.find_link(link);
    if (found && !FastKernel::attached(link, true))
      repairs.attempt("program to_wire on " + found->name, [&] { kernel->guard(link); });
  }
  if (!kernel->pinned()) repairs.attempt("pinned maps in " + config.pin_directory, [&] { kernel->pin(); });
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
