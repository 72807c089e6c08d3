// The devices of the fast datapath: the veth pair to the bridge, and VXLAN devices (internal to the library).
#pragma once
#include "host/netlink.hpp"

namespace weave::overlay {

inline constexpr auto kBridgeSide = "vethwe-bridge";
inline constexpr auto kDatapathSide = "vethwe-datapath";

struct FastVeth {
  host::Link bridge, datapath;
  bool created = false;
};

// The pair with the bridge's MTU, one end a port of the bridge, both up. Throws Error.
FastVeth ensure_fast_veth(host::Netlink& net, const host::Link& bridge);

std::string vxlan_name(uint16_t port);

struct FastVxlan {
  host::Link link;
  bool created = false;
};

// A device that weave made, and not another program.
bool is_fast_vxlan(host::Netlink& net, const host::Link& link);

// The device of a port, up. Throws Error, in particular when the port or the name is taken.
FastVxlan ensure_fast_vxlan(host::Netlink& net, uint16_t port);

// Ports of the bridge that lead into other namespaces.
std::vector<host::Link> container_links(host::Netlink& net, int bridge);

}  // namespace weave::overlay
