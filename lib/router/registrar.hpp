// Which names the containers of this host have, and keeping the names' database true to that.
//
// A container on our network is known under its name, its hostname, its aliases in that network and the service it
// belongs to, each below the domain. What was registered by hand (`weave dns-add`) is kept besides and outlives the
// router, but not the container.
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
  // Its names go, those registered by hand as well.
  void died(const std::string& container);
  // Forgets containers that aren't among these.
  void keep_only(const std::set<std::string>& running);

  // By hand. A reason when the name is refused.
  std::optional<std::string> add(const std::string& container, Ipv4 address, const std::string& fqdn);
  void remove(const names::Which& which);

 private:
  // Names registered by hand, by container.
  std::map<std::string, Wanted> manual_;
  names::Database& names_;
  Store& store_;
  Changed changed_;

  void publish(const names::Entries& entries);
  void forget(const std::string& container);
  int64_t now() const;
};

}  // namespace weave::router
