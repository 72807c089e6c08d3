#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "base/text.hpp"
#include "plugin/calls.hpp"

namespace weave::plugin {
namespace {

using nlohmann::ordered_json;

constexpr const char* kMulticast = "works.weave.multicast";

// Ids become names of links and keys of records.
void check_id(const char* what, const std::string& id, size_t at_least) {
  const bool plain = std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
  if (!plain || id.size() < at_least || id.size() > 128) throw Error(fmt::format("{} isn't valid: \"{}\"", what, id));
}
void check_network(const std::string& id) {
  check_id("NetworkID", id, 1);
}
void check_endpoint(const std::string& id) {
  check_id("EndpointID", id, 9);
}

std::optional<Cidr> parse_address(const std::string& text) {
  if (text.empty()) return std::nullopt;
  auto cidr = Cidr::parse(text);
  if (!cidr) throw Error(fmt::format("address {} of the endpoint isn't valid: {}", text, cidr.error()));
  return *cidr;
}

std::optional<Mac> parse_mac(const std::string& text) {
  if (text.empty()) return std::nullopt;
  auto mac = Mac::parse(text);
  if (!mac) throw Error(fmt::format("MAC address {} of the endpoint isn't valid: {}", text, mac.error()));
  if (mac->multicast() || *mac == Mac{}) throw Error(fmt::format("MAC address {} isn't a unicast address", text));
  return *mac;
}

}  // namespace

void Call::check() const {
  if (abandoned) throw Error("abandoned after its deadline");
}

bool option_flag(const std::string& name, const std::string& value) {
  auto on = value.empty() ? true : parse_bool(value);
  if (!on) throw Error(fmt::format("unrecognized value \"{}\" for option {}", value, name));
  return *on;
}

Network network_from_options(const Options& options) {
  Network out;
  for (const auto& [name, value] : options) {
    if (name == kMulticast)
      out.multicast = option_flag(name, value);
    else
      log::warning("an unknown network option is ignored: option={}", name);
  }
  return out;
}

asio::awaitable<std::string> NetworkCalls::create_network(CreateNetwork request) {
  check_network(request.network);
  Network network = network_from_options(request.options);
  for (const PoolData& data : request.ipv4) {
    network.pools.push_back(data.pool);
    if (!data.address_space.starts_with("weave")) network.foreign_ipam = true;
  }
  if (network.foreign_ipam)
    log::warning(
        "a network gets its addresses from Docker, which does not coordinate them between hosts; create it with "
        "--ipam-driver=weavemesh: network={}",
        request.network.substr(0, 12));
  table_.networks[request.network] = network;
  co_await table_.save_network(request.network);
  // An auxiliary address is asked for like a container's; only here it shows what it was.
  for (const PoolData& data : request.ipv4)
    for (const auto& [name, text] : data.aux_addresses) {
      auto address = Cidr::parse(text);
      auto use = address ? table_.addresses.find(address->address) : table_.addresses.end();
      if (use == table_.addresses.end() || use->second.reserved) continue;
      use->second.reserved = true;
      co_await table_.save_address(address->address);
    }
  co_return "{}";
}

asio::awaitable<std::string> NetworkCalls::delete_network(NetworkRef request) {
  if (table_.networks.erase(request.network)) co_await table_.save_network(request.network);
  co_return "{}";
}

asio::awaitable<std::string> NetworkCalls::create_endpoint(CallPtr call, CreateEndpoint request) {
  check_network(request.network);
  check_endpoint(request.endpoint);
  if (!request.interface) throw Error("CreateEndpoint without an Interface isn't supported");
  Endpoint endpoint;
  endpoint.network = request.network;
  endpoint.address = parse_address(request.interface->address);
  const auto wanted = parse_mac(request.interface->mac);

  const Veth veth = co_await backend_.create_veth(request.endpoint, wanted);
  endpoint.mac = veth.mac;
  std::string failure;
  try {
    call->check();
    table_.endpoints[request.endpoint] = endpoint;
    co_await table_.save_endpoint(request.endpoint);
    if (endpoint.address)
      if (auto use = table_.addresses.find(endpoint.address->address); use != table_.addresses.end()) {
        use->second.endpoint = request.endpoint;
        use->second.fresh = false;
        co_await table_.save_address(endpoint.address->address);
      }
    call->check();
  } catch (const std::exception& error) {
    failure = error.what();
  }
  if (!failure.empty()) {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    table_.endpoints.erase(request.endpoint);
    co_await backend_.delete_veth(request.endpoint);
    co_await table_.save_endpoint(request.endpoint);
    throw Error(failure);
  }
  // Docker forbids to answer a MAC address that it gave.
  const ordered_json response{
      {"Err", ""}, {"Interface", {{"Address", ""}, {"AddressIPv6", ""}, {"MacAddress", wanted ? "" : veth.mac.str()}}}};
  co_return response.dump();
}

asio::awaitable<std::string> NetworkCalls::delete_endpoint(EndpointRef request) {
  check_endpoint(request.endpoint);
  co_await backend_.delete_veth(request.endpoint);
  if (table_.endpoints.erase(request.endpoint)) co_await table_.save_endpoint(request.endpoint);
  co_return "{}";
}

asio::awaitable<std::string> NetworkCalls::join(Join request) {
  check_endpoint(request.endpoint);
  const auto network = table_.networks.find(request.network);
  if (network == table_.networks.end())
    log::warning("a container joined a network that is not known yet, without multicast route: network={}",
                 request.network.substr(0, 12));
  const bool multicast = network != table_.networks.end() && network->second.multicast;
  ordered_json routes = nullptr;
  if (multicast) {
    const ordered_json route{{"Destination", "224.0.0.0/4"}, {"RouteType", 1}, {"NextHop", ""}};
    routes = ordered_json::array();
    routes.push_back(route);
  }
  const ordered_json response{
      {"Err", ""},
      {"InterfaceName", {{"SrcName", container_link(request.endpoint)}, {"DstName", ""}, {"DstPrefix", "ethwe"}}},
      {"Gateway", ""},
      {"GatewayIPv6", ""},
      {"StaticRoutes", routes},
      {"DisableGatewayService", false}};
  co_return response.dump();
}

}  // namespace weave::plugin
