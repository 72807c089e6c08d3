// weave docker-bridge-ip, bridge-type, attach-bridge: small facts and services for scripts.
#include "host/bridge.hpp"

#include "host/iptables.hpp"
#include "host/routes.hpp"
#include "output.hpp"
#include "router/last_launch.hpp"
#include "router_client.hpp"
#include "rows.hpp"
#include "settings/read.hpp"

namespace weave::cmd {
namespace {

std::string docker_bridge() {
  auto settings = router::last_launch_or_defaults();
  settings::read_one("--docker-bridge", {}, non_empty_environment, settings);
  return settings.docker_bridge;
}

// The bridge of the router that runs, else of the last launch.
std::string weave_bridge() {
  try {
    return bridge_of(report_of(router_client(Door::kSocket)));
  } catch (const Error&) {
    return router::last_launch_or_defaults().bridge;
  }
}

int docker_bridge_ip(const Words&) {
  auto address = host::docker_bridge_address(docker_bridge());
  if (!address) throw Error(fmt::format("Docker's bridge {} does not exist or has no address", docker_bridge()));
  out(address->str());  // without newline, as scripts expect it
  return kDone;
}

int bridge_type(const Words&) {
  switch (host::bridge_type(weave_bridge())) {
    case host::BridgeType::kNone:
      throw Error("weave is not set up on this host", "start it with 'weave launch'");
    case host::BridgeType::kBridge:
      out("bridge\n");
      break;
    case host::BridgeType::kFastdp:
      out("fastdp\n");
      break;
    case host::BridgeType::kBridgedFastdp:
      out("bridged_fastdp\n");
      break;
  }
  return kDone;
}

int attach_bridge(const Words& words) {
  require_root("attach-bridge");
  auto other = words.empty() ? docker_bridge() : words[0];
  host::Netlink netlink;
  auto weave = netlink.find_link(weave_bridge());
  if (!weave) throw Error("Weave bridge not found. Please run 'weave launch' and try again");
  auto target = netlink.find_link(other);
  if (!target || target->kind != "bridge") throw Error(fmt::format("{} is not a bridge", other));
  // Names that 'weave reset' knows as ours and a launch leaves alone (not vethwe-*: those are Weave Net's); the index
  // gives each bridge its own.
  auto ours = fmt::format("vethweab{}", target->index), theirs = fmt::format("vethweba{}", target->index);
  if (!netlink.find_link(ours)) {
    netlink.create_veth({.name = ours, .peer = theirs, .mtu = weave->mtu});
    try {
      for (auto [name, bridge] : {std::pair(ours, weave->index), std::pair(theirs, target->index)}) {
        auto end = netlink.link(name);
        netlink.set_master(end.index, bridge);
        netlink.set_up(end.index);
      }
    } catch (const Error&) {
      netlink.remove_link(ours);
      throw;
    }
  }
  host::WantedTable nat{.leading = {fmt::format("-A POSTROUTING -o {} -j ACCEPT", weave->name)}};
  host::Iptables::of_docker().ensure({{"nat", nat}});
  return kDone;
}

}  // namespace

Command docker_bridge_ip_row() {
  Command command{.name = "docker-bridge-ip", .group = "Host", .summary = "Print the address of Docker's bridge"};
  command.max_words = 0;
  command.run = docker_bridge_ip;
  return command;
}

Command bridge_type_row() {
  Command command{.name = "bridge-type", .group = "Host", .summary = "Print the type of weave's bridge"};
  command.max_words = 0;
  command.run = bridge_type;
  return command;
}

Command attach_bridge_row() {
  Command command{.name = "attach-bridge",
                  .group = "Host",
                  .summary = "Connect another bridge to the network",
                  .words = "[<bridge>]"};
  command.details = "Default: Docker's bridge. Lasts until 'weave reset'. Needs root.";
  command.max_words = 1;
  command.run = attach_bridge;
  return command;
}

}  // namespace weave::cmd
