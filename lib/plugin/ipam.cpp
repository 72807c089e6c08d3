#include <fmt/format.h>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "plugin/calls.hpp"
#include "plugin/pools.hpp"

namespace weave::plugin {
namespace {

using nlohmann::ordered_json;

std::string address_answer(const Cidr& address) {
  return ordered_json{{"Error", ""}, {"Address", address.str()}, {"Data", nullptr}}.dump();
}

}  // namespace

asio::awaitable<std::string> IpamCalls::request_pool(CallPtr call, RequestPool request) {
  if (request.v6)
    throw Error("Weave's IPAM driver gives IPv4 addresses only",
                "create the network without --ipv6 and without an IPv6 subnet");
  const Cidr range = co_await backend_.range();
  const Cidr default_subnet = co_await backend_.default_subnet();
  std::string wanted = request.pool;
  const bool chosen = wanted.empty();
  if (chosen) {
    const auto routes = co_await backend_.host_routes();
    // From here to the entry in the table nothing waits: two requests at a time can't be given the same subnet.
    std::vector<Cidr> taken;
    for (const auto& [text, pool] : table_.pools)
      if (auto id = PoolId::parse(text, default_subnet); id && (pool.chosen || id->subnet != default_subnet.masked()))
        taken.push_back(id->subnet);
    const auto subnet = choose_subnet(default_subnet, taken, routes);
    if (!subnet)
      throw Error(
          fmt::format("no part of {} is free of routes of this host and of other networks", default_subnet.str()),
          "name one with --subnet");
    wanted = subnet->str();
  }
  const auto id = plugin::request_pool(wanted, request.sub_pool, range);
  if (!id) throw Error(id.error());
  for (const auto& [text, pool] : table_.pools)
    if (auto other = PoolId::parse(text, default_subnet); other && other->subnet.overlaps(id->subnet))
      log::warning("a network overlaps another one, a container cannot be on both: subnet={} other={}",
                   id->subnet.str(), other->subnet.str());
  const std::string key = id->str();
  Pool& pool = table_.pools[key];
  ++pool.uses;
  pool.chosen = pool.chosen || chosen;
  co_await table_.save_pool(key);
  if (call->abandoned) {
    co_await release_pool({key});
    call->check();
  }
  // The network's own address stands in for a gateway, otherwise dockerd would allocate one.
  const std::string subnet = id->subnet.str();
  co_return ordered_json{
      {"Error", ""}, {"PoolID", key}, {"Pool", subnet}, {"Data", {{"com.docker.network.gateway", subnet}}}}
      .dump();
}

asio::awaitable<std::string> IpamCalls::release_pool(ReleasePool request) {
  auto pool = table_.pools.find(request.pool_id);
  if (pool != table_.pools.end()) {
    if (--pool->second.uses <= 0) table_.pools.erase(pool);
    co_await table_.save_pool(request.pool_id);
  }
  co_return "{}";
}

// Throws Error when the address is in use. A container's pair of links goes away with the container, so an address
// whose endpoint has none is a left-over of a call that never arrived.
asio::awaitable<void> IpamCalls::check_unused(Ipv4 address) {
  auto found = table_.addresses.find(address);
  if (found == table_.addresses.end()) co_return;
  const Use use = found->second;
  if (use.reserved) throw Error(fmt::format("address {} is reserved as a gateway or auxiliary address", address.str()));
  bool stale = use.endpoint.empty() ? !use.fresh : !co_await backend_.link_exists(host_link(use.endpoint));
  // Somebody may have taken it over while we looked.
  found = table_.addresses.find(address);
  if (found == table_.addresses.end()) co_return;
  stale = stale && !found->second.reserved && !found->second.fresh && found->second.endpoint == use.endpoint;
  if (stale) {
    log::warning("the address of an endpoint that is gone is given out again: address={} endpoint={}", address.str(),
                 use.endpoint.substr(0, 12));
    co_return;
  }
  throw Error(use.endpoint.empty()
                  ? fmt::format("address {} is in use by a container that is starting", address.str())
                  : fmt::format("address {} is in use by endpoint {}", address.str(), use.endpoint.substr(0, 12)));
}

asio::awaitable<std::string> IpamCalls::request_address(CallPtr call, RequestAddress request) {
  const Cidr default_subnet = co_await backend_.default_subnet();
  const auto id = PoolId::parse(request.pool_id, default_subnet);
  if (!id) throw Error(id.error());
  Cidr address{{}, id->subnet.prefix};
  if (request.address.empty()) {
    address.address = (co_await backend_.allocate(kPlaceholder, id->range)).address;
    table_.addresses[address.address] = {request.pool_id, "", request.gateway, true};
  } else {
    const auto wanted = Ipv4::parse(request.address);
    if (!wanted) throw Error(fmt::format("address {}: {}", request.address, wanted.error()));
    address.address = *wanted;
    if (!id->subnet.contains(*wanted))
      throw Error(fmt::format("address {} isn't in subnet {}", wanted->str(), id->subnet.str()));
    if (*wanted == id->subnet.network()) {
      // The placeholder for a gateway: not allocated, and never released.
      if (request.gateway) co_return address_answer(address);
      throw Error(fmt::format("address {} is the network address of {}", wanted->str(), id->subnet.str()));
    }
    if (*wanted == id->subnet.broadcast())
      throw Error(fmt::format("address {} is the broadcast address of {}", wanted->str(), id->subnet.str()));
    co_await check_unused(*wanted);
    // Entered before the claim, so that a second claim that arrives meanwhile sees it.
    const auto before = table_.addresses.find(*wanted);
    const std::optional<Use> left_over =
        before == table_.addresses.end() ? std::nullopt : std::optional<Use>(before->second);
    table_.addresses[*wanted] = {request.pool_id, "", request.gateway, true};
    try {
      co_await backend_.claim(kPlaceholder, address);
    } catch (...) {
      table_.addresses.erase(*wanted);
      if (left_over) table_.addresses[*wanted] = *left_over;
      throw;
    }
  }
  std::string failure;
  try {
    call->check();
    co_await table_.save_address(address.address);
    call->check();
  } catch (const std::exception& error) {
    failure = error.what();
  }
  if (!failure.empty()) {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    table_.addresses.erase(address.address);
    co_await backend_.release(address.address);
    co_await table_.save_address(address.address);
    throw Error(failure);
  }
  co_return address_answer(address);
}

asio::awaitable<std::string> IpamCalls::release_address(ReleaseAddress request) {
  const Cidr default_subnet = co_await backend_.default_subnet();
  const auto id = PoolId::parse(request.pool_id, default_subnet);
  const auto address = Ipv4::parse(request.address);
  // Also of IPv6 networks that Weave Net let through: they have no addresses of ours.
  if (!address) co_return "{}";
  if (id && *address == id->subnet.network()) co_return "{}";  // the stand-in for a gateway
  auto use = table_.addresses.find(*address);
  // Requested through another pool, it has another owner: overlapping networks share the allocator.
  if (use != table_.addresses.end() && use->second.pool != request.pool_id) co_return "{}";
  co_await backend_.release(*address);
  if (table_.addresses.erase(*address)) co_await table_.save_address(*address);
  co_return "{}";
}

}  // namespace weave::plugin
