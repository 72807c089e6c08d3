// What the host's own network says before a launch.
#pragma once
#include <optional>
#include <string>

#include "host/netlink.hpp"

namespace weave::host {

// A route of the host into (a part of) the range, or around it; default routes and routes through `ignored` don't
// count.
std::optional<Route> overlapping_route(const Cidr& range, const std::string& ignored = "weave");

// The first IPv4 address of Docker's bridge: where its containers reach our DNS server. Nothing without bridge or
// address.
std::optional<Ipv4> docker_bridge_address(const std::string& name = "docker0");

}  // namespace weave::host
