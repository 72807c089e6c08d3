#include "host/bridge.hpp"

#include <fmt/ranges.h>

#include "base/error.hpp"
#include "base/failures.hpp"
#include "base/log.hpp"
#include "host/arp.hpp"
#include "host/netns.hpp"

namespace weave::host {
namespace {

constexpr uint32_t kPlainOverhead = 90, kEncryptedOverhead = 124, kUsualMtu = 1500, kLeastMtu = 552;

bool one_of_ours(Netlink& net, const Link& link) {
  return link.name == "datapath" || link.name.starts_with("vethwe") || link.name.starts_with("vethwl") ||
         link.name.starts_with("vethwg") || net.is_weave_vxlan(link);
}

bool is_datapath(const std::optional<Link>& link) {
  return link && link->kind == "openvswitch";
}

// Weave Net's router is gone, but its datapath still holds the VXLAN port and forwards frames.
void take_over(Netlink& net) {
  for (const auto& link : net.links())
    if (net.is_weave_vxlan(link) || link.name.starts_with("vethwe-")) net.remove_link(link.name);
  if (auto datapath = net.find_link("datapath")) Netlink::remove_ovs_datapath(datapath->index);
}

// A Linux bridge changes its MAC with its ports unless one was set, and containers remember the old one.
void pin_mac(Netlink& net, const std::string& name) {
  if (name.empty()) return;
  try {
    auto link = net.find_link(name);
    if (link && link->kind == "bridge") net.set_mac(link->index, link->mac);
  } catch (const Error& error) {
    log::warning("cannot fix the MAC of a bridge: interface={} reason={}", name, error.what());
  }
}

using Sysctl = std::pair<std::string, std::string>;  // path under net/, value

std::vector<Sysctl> bridge_sysctls(const std::string& bridge) {
  auto out = arp_cache_sysctls(bridge);
  out.emplace_back("ipv6/conf/" + bridge + "/accept_ra", "0");
  return out;
}

}  // namespace

BridgeType bridge_type(const std::string& name) {
  Netlink net;
  auto bridge = net.find_link(name), datapath = net.find_link("datapath");
  if (!bridge && !datapath) return BridgeType::kNone;
  if (bridge && bridge->kind == "bridge" && !datapath) return BridgeType::kBridge;
  if (is_datapath(bridge) && !datapath) return BridgeType::kFastdp;
  if (bridge && bridge->kind == "bridge" && is_datapath(datapath)) return BridgeType::kBridgedFastdp;
  throw Error("Inconsistent bridge state detected. Please do 'weave reset' and try again");
}

uint32_t mtu_from_underlay(bool encrypted, const std::vector<Ipv4>& peers) {
  Netlink net;
  std::optional<uint32_t> mtu;
  auto consider = [&](const std::optional<Route>& route) {
    auto link = route ? net.find_link(route->link) : std::nullopt;
    if (link) mtu = std::min(mtu.value_or(link->mtu), link->mtu);
  };
  std::optional<Route> best;
  for (const auto& route : net.routes())
    if (route.destination.prefix == 0 && route.link && (!best || route.metric < best->metric)) best = route;
  consider(best);
  for (auto peer : peers) consider(net.route_to(peer));
  return std::max(mtu.value_or(kUsualMtu), kLeastMtu + kEncryptedOverhead) -
         (encrypted ? kEncryptedOverhead : kPlainOverhead);
}

Link ensure_bridge(const BridgeConfig& config) {
  Netlink net;
  pin_mac(net, config.docker_bridge);
  auto type = bridge_type(config.name);
  if (type == BridgeType::kFastdp)
    throw Error(fmt::format("{} is an Open vSwitch datapath of Weave Net", config.name),
                "run 'weave reset' and launch again, or relaunch Weave Net without --no-bridged-fastdp first");
  if (type == BridgeType::kBridgedFastdp) take_over(net);
  bool created = type == BridgeType::kNone;
  if (created) net.create_bridge(config.name);
  try {
    auto bridge = net.link(config.name);
    // Only after its creation: a kernel before 3.14 would miss the entry for its own MAC otherwise.
    if (bridge.mac != config.mac) net.set_mac(bridge.index, config.mac);
    uint32_t mtu = config.mtu ? config.mtu : created ? mtu_from_underlay(config.encrypted, config.peers) : bridge.mtu;
    // Setting it also stops the kernel from following the ports.
    if (created || bridge.mtu != mtu) net.set_mtu(bridge.index, mtu);
    net.set_up(bridge.index);
    for (const auto& [path, value] : bridge_sysctls(config.name)) try_write_sysctl(path, value);
  } catch (...) {
    if (created) net.remove_link(config.name);
    throw;
  }
  return net.link(config.name);
}

void restore_bridge(const BridgeConfig& config, uint32_t mtu, Repairs& repairs) {
  Netlink net;
  auto found = net.find_link(config.name);
  if (!found || !found->up || found->mac != config.mac || found->mtu != mtu) {
    auto wanted = config;
    wanted.mtu = mtu;
    if (!repairs.attempt("bridge " + config.name, [&] { ensure_bridge(wanted); })) return;
  }
  for (const auto& [path, value] : bridge_sysctls(config.name)) {
    try {
      if (read_sysctl(path) != value) repairs.attempt("sysctl net/" + path, [&] { write_sysctl(path, value); });
    } catch (const Error&) {  // the kernel has no such setting, or it cannot be written, as at the start
    }
  }
}

void remove_bridge(const std::string& name) {
  Netlink net;
  Failures failures;
  for (const auto& link : net.links()) {
    if (link.name != name && !one_of_ours(net, link)) continue;
    failures.attempt([&] {
      if (link.kind == "openvswitch")
        Netlink::remove_ovs_datapath(link.index);
      else
        net.remove_link(link.name);
    });
  }
  failures.throw_if_any();
}

}  // namespace weave::host
