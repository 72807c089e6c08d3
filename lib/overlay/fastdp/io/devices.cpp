#include "overlay/fastdp/io/devices.hpp"

#include "base/error.hpp"
#include "base/log.hpp"

namespace weave::overlay {

namespace {

// As large as it gets: the containers' interfaces are what limits frames. 65470 is what is left where the kernel counts
// its own headers in.
constexpr uint32_t kVxlanMtus[] = {65535, 65470};

void raise_mtu(host::Netlink& net, const host::Link& link) {
  if (link.mtu >= kVxlanMtus[1]) return;
  for (auto mtu : kVxlanMtus) try {
      return net.set_mtu(link.index, mtu);
    } catch (const Error& error) {
      if (mtu == kVxlanMtus[1]) throw;
    }
}

}  // namespace

FastVeth ensure_fast_veth(host::Netlink& net, const host::Link& bridge) {
  FastVeth pair;
  auto inner = net.find_link(kBridgeSide), outer = net.find_link(kDatapathSide);
  bool whole = inner && outer && inner->kind == "veth" && inner->peer == outer->index;
  if (!whole) {
    net.remove_link(kBridgeSide);
    net.remove_link(kDatapathSide);
    host::Veth veth;
    veth.name = kBridgeSide;
    veth.peer = kDatapathSide;
    veth.mtu = bridge.mtu;
    net.create_veth(veth);
    pair.created = true;
  }
  try {
    for (const auto* name : {kBridgeSide, kDatapathSide}) {
      auto link = net.link(name);
      if (link.mtu != bridge.mtu) net.set_mtu(link.index, bridge.mtu);
      if (!link.up) net.set_up(link.index);
    }
    pair.bridge = net.link(kBridgeSide);
    pair.datapath = net.link(kDatapathSide);
    if (pair.bridge.master != bridge.index) net.set_master(pair.bridge.index, bridge.index);
    // Other software switches it on, and frames would come back to us.
    if (net.hairpin(pair.bridge.index)) net.set_hairpin(pair.bridge.index, false);
  } catch (...) {
    if (pair.created) net.remove_link(kBridgeSide);
    throw;
  }
  return pair;
}

std::string vxlan_name(uint16_t port) {
  return fmt::format("vxlan-{}", port);
}

bool is_fast_vxlan(host::Netlink& net, const host::Link& link) {
  return net.is_weave_vxlan(link) && !net.vxlan(link.name)->learning;
}

FastVxlan ensure_fast_vxlan(host::Netlink& net, uint16_t port) {
  auto name = vxlan_name(port);
  FastVxlan out;
  auto found = net.find_link(name);
  if (found && !is_fast_vxlan(net, *found))
    throw Error(fmt::format("the interface {} is somebody else's", name),
                "rename or remove it, or give weave another --port; see `ip -d link show " + name + "`");
  if (!found) {
    net.create_vxlan(name, port);
    out.created = true;
  }
  try {
    auto link = net.link(name);
    raise_mtu(net, link);
    if (!link.up) net.set_up(link.index);
    out.link = net.link(name);
  } catch (const Error& error) {
    if (out.created) net.remove_link(name);
    throw Error(fmt::format("no VXLAN device for UDP port {}: {}", port, error.what()),
                "is another program or VXLAN device on that port? see `ss -lup` and `ip -d link show type vxlan`");
  }
  return out;
}

std::vector<host::Link> container_links(host::Netlink& net, int bridge) {
  std::vector<host::Link> out;
  for (auto& link : net.links())
    if (link.master == bridge && link.kind == "veth" && link.peer_elsewhere) out.push_back(std::move(link));
  return out;
}

}  // namespace weave::overlay
