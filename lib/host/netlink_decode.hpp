// What the kernel says of links, addresses and routes: the body of a netlink message as a value (internal to the
// library). Attributes that are missing or cut leave the defaults.
#pragma once
#include "host/netlink.hpp"

namespace weave::host {

Link decode_link(ByteView message);
// Nothing when the link is no VXLAN device.
std::optional<Vxlan> decode_vxlan(ByteView message);
// Nothing when the message is of another bridge port.
std::optional<bool> decode_hairpin(ByteView message, int port);
// Nothing when it isn't IPv4.
std::optional<Address> decode_address(ByteView message);
std::optional<Route> decode_route(ByteView message);

}  // namespace weave::host
