// What the plugin knows: networks, endpoints, pools and addresses in use, kept in memory and persisted one record a
// key, so that no call needs to ask Docker for anything.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plugin/backend.hpp"

namespace weave::plugin {

struct Network {
  bool multicast = false;          // Join adds the route to 224.0.0.0/4
  bool foreign_ipam = false;       // its addresses come from another IPAM driver: not coordinated between hosts
  std::vector<std::string> pools;  // subnets as Docker gave them
};

struct Endpoint {
  std::string network;
  std::optional<Cidr> address;
  std::optional<Mac> mac;  // of the container end
};

struct Pool {
  int uses = 0;         // networks that asked for this pool
  bool chosen = false;  // by us, for a network that named no subnet
};

struct Use {
  std::string pool;       // id of the pool through which the address was asked
  std::string endpoint;   // empty until CreateEndpoint
  bool reserved = false;  // gateway or auxiliary address of a network
  bool fresh = false;     // asked for in this life of the process and CreateEndpoint still to come; not persisted
};

class Table {
 public:
  explicit Table(const Backend& backend) : backend_(backend) {}

  // Reads what was persisted; records that can't be read are logged and dropped.
  asio::awaitable<void> load();

  std::map<std::string, Network> networks;
  std::map<std::string, Endpoint> endpoints;
  std::map<std::string, Pool> pools;  // by pool id
  std::map<Ipv4, Use> addresses;

  // Persist the record of that key as it is now; a record that isn't there is erased.
  asio::awaitable<void> save_network(std::string id);
  asio::awaitable<void> save_endpoint(std::string id);
  asio::awaitable<void> save_pool(std::string id);
  asio::awaitable<void> save_address(Ipv4 address);

 private:
  const Backend& backend_;
};

}  // namespace weave::plugin
