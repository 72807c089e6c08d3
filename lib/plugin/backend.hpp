// What the plugin needs from the rest of the router. The router's wiring fills it in.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "address/ipv4.hpp"
#include "address/mac.hpp"

namespace weave::plugin {

namespace asio = boost::asio;

// The owner under which addresses of Docker networks are recorded: the placeholder with which each address is its own
// owner, since the protocol never names a container.
inline constexpr const char* kPlaceholder = "_";

// The pair of an endpoint: `host` is on the bridge, `container` is moved into the container by Docker.
struct Veth {
  std::string container;
  std::string host;
  Mac mac;  // of the container end
};

// Names of an endpoint's pair, as Weave Net makes them: a fixed prefix and the first 9 characters of the endpoint's id.
inline std::string host_link(const std::string& endpoint) {
  return "vethwl" + endpoint.substr(0, 9);
}
inline std::string container_link(const std::string& endpoint) {
  return "vethwg" + endpoint.substr(0, 9);
}

// Every function throws weave::Error with a text for the user; each may be cancelled (terminal cancellation), and then
// has no effect or throws. None may wait for Docker: it may hold locks until we answer.
struct Backend {
  // The allocation range of the cluster, and the subnet of requests that name none.
  std::function<asio::awaitable<Cidr>()> range;
  std::function<asio::awaitable<Cidr>()> default_subnet;
  // A free address of `subnet`, with the prefix length of `subnet`; waits until the allocator is ready.
  std::function<asio::awaitable<Cidr>(std::string ident, Cidr subnet)> allocate;
  // Records `address` under `ident`; an address with another owner is an error that names the owner.
  std::function<asio::awaitable<void>(std::string ident, Cidr address)> claim;
  // Releases an address; one that has no owner is no error.
  std::function<asio::awaitable<void>(Ipv4 address)> release;
  // Makes the pair host_link/container_link with the bridge's MTU, the host end on the bridge and up, the container end
  // with `mac` when given. A pair of the same endpoint that is there already is replaced. On failure nothing stays
  // behind.
  std::function<asio::awaitable<Veth>(std::string endpoint, std::optional<Mac> mac)> create_veth;
  // Deletes the pair; one that isn't there is no error.
  std::function<asio::awaitable<void>(std::string endpoint)> delete_veth;
  // Whether a link of that name exists in the host's namespace.
  std::function<asio::awaitable<bool>(std::string link)> link_exists;
  // Destinations of the host's IPv4 routes, without the default route.
  std::function<asio::awaitable<std::vector<Cidr>>()> host_routes;
  // The plugin's own state: small JSON texts by key ("network/<id>", "endpoint/<id>", "pool/<id>", "address/<ip>").
  std::function<asio::awaitable<void>(std::string key, std::string json)> persist;
  std::function<asio::awaitable<void>(std::string key)> erase;
  std::function<asio::awaitable<std::map<std::string, std::string>>()> load_all;
};

}  // namespace weave::plugin
