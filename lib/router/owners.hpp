// The parts of a router, each the owner of one subject. None knows another: the wiring (router.cpp) connects them.
#pragma once
#include <memory>

#include "docker/client.hpp"
#include "router/addresses.hpp"
#include "router/containers.hpp"
#include "router/datapath.hpp"
#include "router/host_state.hpp"
#include "router/names_service.hpp"
#include "router/peers.hpp"
#include "router/plugin_service.hpp"

namespace weave::router {

struct Owners {
  std::unique_ptr<docker::Client> docker;  // null: launched without Docker
  std::unique_ptr<HostState> host;
  std::unique_ptr<Addresses> addresses;  // null: IPAM is off
  std::unique_ptr<NamesService> names;   // null: DNS is off
  std::unique_ptr<Datapath> datapath;
  std::unique_ptr<Peers> peers;  // null until the host is prepared
  std::unique_ptr<Containers> containers;
  std::unique_ptr<PluginService> plugin;

  bool dns_on() const { return names && names->on(); }
  Registrar* registrar() const { return dns_on() ? &names->registrar() : nullptr; }
};

}  // namespace weave::router
