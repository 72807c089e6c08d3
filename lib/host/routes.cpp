#include "host/routes.hpp"

namespace weave::host {

std::optional<Route> overlapping_route(const Cidr& range, const std::string& ignored) {
  Netlink net;
  auto own = net.find_link(ignored);
  for (const auto& route : net.routes())
    if (route.destination.prefix > 0 && !(own && route.link == own->index) && route.destination.overlaps(range))
      return route;
  return {};
}

std::optional<Ipv4> docker_bridge_address(const std::string& name) {
  Netlink net;
  auto bridge = net.find_link(name);
  if (!bridge) return {};
  auto addresses = net.addresses(bridge->index);
  if (addresses.empty()) return {};
  return addresses.front().cidr.address;
}

}  // namespace weave::host
