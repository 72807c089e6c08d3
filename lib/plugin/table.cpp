#include "plugin/table.hpp"

#include <nlohmann/json.hpp>

#include "base/log.hpp"

namespace weave::plugin {
namespace {

using nlohmann::json;

json to_json(const Network& network) {
  return {{"multicast", network.multicast}, {"foreign_ipam", network.foreign_ipam}, {"pools", network.pools}};
}

json to_json(const Endpoint& endpoint) {
  return {{"network", endpoint.network},
          {"address", endpoint.address ? endpoint.address->str() : ""},
          {"mac", endpoint.mac ? endpoint.mac->str() : ""}};
}

json to_json(const Pool& pool) {
  return {{"uses", pool.uses}, {"chosen", pool.chosen}};
}

json to_json(const Use& use) {
  return {{"pool", use.pool}, {"endpoint", use.endpoint}, {"reserved", use.reserved}};
}

// Our own records, but from a file: value() throws json::exception for a wrong type, which load() catches. Fields that
// earlier versions wrote are skipped.
Network network_from(const json& value) {
  return {value.value("multicast", false), value.value("foreign_ipam", false),
          value.value("pools", std::vector<std::string>())};
}

Endpoint endpoint_from(const json& value) {
  Endpoint out;
  out.network = value.value("network", "");
  if (auto address = Cidr::parse(value.value("address", ""))) out.address = *address;
  if (auto mac = Mac::parse(value.value("mac", ""))) out.mac = *mac;
  return out;
}

template <class Map, class Key>
asio::awaitable<void> save(const Backend& backend, const Map& map, Key id, std::string key) {
  auto found = map.find(id);
  if (found == map.end())
    co_await backend.erase(std::move(key));
  else
    co_await backend.persist(std::move(key),
                             to_json(found->second).dump(-1, ' ', true, json::error_handler_t::replace));
}

}  // namespace

asio::awaitable<void> Table::load() {
  auto records = co_await backend_.load_all();
  for (const auto& [key, text] : records) {
    const auto slash = key.find('/');
    const std::string kind = key.substr(0, slash);
    const std::string id = slash == key.npos ? "" : key.substr(slash + 1);
    try {
      const json value = json::parse(text);
      if (kind == "network") {
        networks[id] = network_from(value);
      } else if (kind == "endpoint") {
        endpoints[id] = endpoint_from(value);
      } else if (kind == "pool") {
        pools[id] = {value.value("uses", 0), value.value("chosen", false)};
      } else if (kind == "address") {
        auto address = Ipv4::parse(id);
        if (!address) throw Error(address.error());
        addresses[*address] = {value.value("pool", ""), value.value("endpoint", ""), value.value("reserved", false)};
      }
    } catch (const std::exception& error) {
      log::warning("a stored record of the plugin is dropped: key={} reason={}", key, error.what());
    }
  }
}

asio::awaitable<void> Table::save_network(std::string id) {
  return save(backend_, networks, id, "network/" + id);
}
asio::awaitable<void> Table::save_endpoint(std::string id) {
  return save(backend_, endpoints, id, "endpoint/" + id);
}
asio::awaitable<void> Table::save_pool(std::string id) {
  return save(backend_, pools, id, "pool/" + id);
}
asio::awaitable<void> Table::save_address(Ipv4 address) {
  return save(backend_, addresses, address, "address/" + address.str());
}

}  // namespace weave::plugin
