// Which names the containers of this host have, and keeping the names' database true to that.
//
// A container on our network is known under its name, its hostname, its aliases in that network and the service it
// belongs to, each below the domain. What was registered by hand (`weave dns-add`) is kept besides until the container
// is removed: it outlives the router, and a restart of the container, which may then have another address.
#pragma once
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "docker/types.hpp"
#include "names/names.hpp"
#include "store/store.hpp"

namespace weave::router {

// The names of a container with an address that it has in the network of `endpoint` (nullptr: attached by hand).
// Sorted, without duplicates, lower case, each below the domain. Names that DNS can't carry are left out. Pure.
std::vector<std::string> container_names(const docker::Container& container, const docker::Endpoint* endpoint,
                                         std::string_view domain);

class Registrar {
 public:
  using Wanted = std::set<std::pair<std::string, Ipv4>>;  // name, address
  // Gets every change, to be sent to other peers and to the DNS server.
  using Changed = std::function<void(const names::Entries&)>;

  // Registers again what is stored and belongs to no container. All must outlive the registrar.
  Registrar(names::Database& names, Store& store, Changed changed);
  Registrar(const Registrar&) = delete;

  // A container's names as Docker and the kernel show them now: adds and removes what differs.
  void update(const std::string& container, const Wanted& wanted);
  // Its names go. Those registered by hand come back when it has an address again.
  void died(const std::string& container);
  // Its names go for good.
  void removed(const std::string& container);
  // Names of containers that don't run go, for good if they don't exist.
  void keep_only(const std::set<std::string>& running, const std::set<std::string>& existing);

  // By hand. A reason when the name is refused.
  std::optional<std::string> add(const std::string& container, Ipv4 address, const std::string& fqdn);
  void remove(const names::Which& which);

 private:
  // Names registered by hand, by container.
  std::map<std::string, Wanted> manual_;
  // Containers that died and have such names, with the addresses that they had.
  std::map<std::string, std::set<Ipv4>> died_;
  names::Database& names_;
  Store& store_;
  Changed changed_;

  void publish(const names::Entries& entries);
  void forget(const std::string& container);
  // Gives the names registered by hand for an address that the container had before it died to one that it has now.
  void follow_addresses(const std::string& container, const std::set<Ipv4>& had, const std::set<Ipv4>& has);
  int64_t now() const;
};

}  // namespace weave::router
