#include "host/expose.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "host/arp.hpp"
#include "host/netlink.hpp"
#include "host/netns.hpp"

namespace weave::host {

bool add_bridge_address(const Cidr& cidr, const std::string& bridge) {
  Netlink net;
  if (!net.add_address(net.link(bridge).index, cidr)) return false;
  try {
    announce_address(bridge, cidr.address);
  } catch (const Error& error) {
    log::debug("an optional step failed: reason={}", error.what());
  }
  return true;
}

std::vector<Cidr> remove_bridge_address(Ipv4 address, const std::string& bridge) {
  Netlink net;
  std::vector<Cidr> removed;
  auto link = net.find_link(bridge);
  if (!link) return removed;
  // Otherwise the kernel drops the other addresses of a subnet together with its first.
  try_write_sysctl("ipv4/conf/" + bridge + "/promote_secondaries", "1");
  for (const auto& found : net.addresses(link->index))
    if (found.cidr.address == address && net.remove_address(link->index, found.cidr)) removed.push_back(found.cidr);
  return removed;
}

void restore_bridge_address(const Cidr& cidr, const std::string& bridge, Repairs& repairs) {
  Netlink net;
  auto link = net.link(bridge);
  if (!link.up) return;
  auto addresses = net.addresses(link.index);
  if (std::ranges::find(addresses, cidr, &Address::cidr) == addresses.end())
    repairs.attempt("address " + cidr.str(), [&] { add_bridge_address(cidr, bridge); });
  // The kernel makes it together with the address, but for a single host.
  if (cidr.prefix == 32) return;
  auto routes = net.routes();
  auto is_there = [&](const Route& route) { return route.link == link.index && route.destination == cidr.masked(); };
  if (std::ranges::none_of(routes, is_there))
    repairs.attempt("route " + cidr.masked().str(), [&] { net.add_route(cidr.masked(), link.index); });
}

std::vector<Cidr> bridge_addresses(const std::string& bridge) {
  Netlink net;
  std::vector<Cidr> cidrs;
  if (auto link = net.find_link(bridge))
    for (const auto& address : net.addresses(link->index)) cidrs.push_back(address.cidr);
  return cidrs;
}

}  // namespace weave::host
