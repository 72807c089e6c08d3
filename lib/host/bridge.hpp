// The bridge that containers are connected to. Everything works in the calling thread's network namespace.
#pragma once
#include <string>

#include "host/netlink.hpp"
#include "host/repairs.hpp"

namespace weave::host {

struct BridgeConfig {
  std::string name = "weave";
  Mac mac;                    // the peer's name
  uint32_t mtu = 0;           // 0 = what a running bridge has, else from the underlay
  bool encrypted = false;     // leaves space for ESP when the MTU comes from the underlay
  std::string docker_bridge;  // its MAC is pinned; empty or missing = none
  std::vector<Ipv4> peers;    // whose routes count, too, when the MTU comes from the underlay
};

// How Weave Net would call what it finds; `weave` and `datapath` decide.
enum class BridgeType { kNone, kBridge, kFastdp, kBridgedFastdp };

// Throws Error ("Inconsistent bridge state detected...") for anything else.
BridgeType bridge_type(const std::string& name = "weave");

// The MTU for containers: the smallest of the devices of the default route and of the routes to these peers less 90
// (VXLAN and a reserve), less 124 with encryption (ESP), as if it were 1500 without any such route. At least 552.
uint32_t mtu_from_underlay(bool encrypted, const std::vector<Ipv4>& peers = {});

// Creates the bridge or adopts the one that is there with its ports, addresses and, unless given, MTU; sets MAC and
// kernel settings and brings it up. Idempotent. Takes a host over from Weave Net by removing its Open vSwitch datapath,
// veth pair and VXLAN port; containers stay connected. Throws Error; for a bridge that is itself an Open vSwitch
// datapath with the hint to reset.
Link ensure_bridge(const BridgeConfig& config);

// Restores what was changed on a bridge that ensure_bridge() has made with this MTU: the bridge itself, MAC, MTU,
// state, kernel settings. Throws Error.
void restore_bridge(const BridgeConfig& config, uint32_t mtu, Repairs& repairs);

// Removes the bridge, Weave Net's datapath and every interface of ours, those of containers included. Goes on after a
// failure and throws one Error with all of them. Nothing there: nothing done.
void remove_bridge(const std::string& name = "weave");

}  // namespace weave::host
