// Addresses of the host itself in the container network. The firewall rules for them are Firewall's.
#pragma once
#include <string>
#include <vector>

#include "address/ipv4.hpp"
#include "host/repairs.hpp"

namespace weave::host {

// Puts the address on the bridge and announces it. False when it is there already. Throws Error.
bool add_bridge_address(const Cidr& cidr, const std::string& bridge = "weave");

// Takes it off the bridge, whatever its prefix; other addresses of the subnet stay. What was removed, if anything.
std::vector<Cidr> remove_bridge_address(Ipv4 address, const std::string& bridge = "weave");

// Puts an exposed address back on the bridge, and its subnet's route, where they are missing. Throws Error.
void restore_bridge_address(const Cidr& cidr, const std::string& bridge, Repairs& repairs);

// All IPv4 addresses of the bridge; none without a bridge.
std::vector<Cidr> bridge_addresses(const std::string& bridge = "weave");

}  // namespace weave::host
