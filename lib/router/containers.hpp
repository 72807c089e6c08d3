// The containers of this host: what Docker's events change about their names and addresses, and `weave attach`.
//
//   Docker's events ──> on_event ──> schedule_refresh ──> inspect ──> names, gratuitous ARP
//   weave attach    ──> attach ──> addresses ──> interface ──> names          undone in reverse order when a step fails
//
// An event only says that a container has changed; its state is asked of Docker. So events that come twice, late or not
// at all do no harm, and after each reconnection all containers are inspected.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/asio.hpp"
#include "control/api.hpp"
#include "docker/client.hpp"
#include "host/attach.hpp"
#include "router/registrar.hpp"
#include "store/store.hpp"

namespace weave::router {

class Containers {
 public:
  // Docker's side. Each may throw Error, inspect_container docker::NoSuchContainer.
  struct Docker {
    std::function<asio::awaitable<docker::Container>(std::string name_or_id)> inspect_container;
    std::function<asio::awaitable<std::optional<docker::Network>>(std::string id)> inspect_network;
    std::function<asio::awaitable<std::vector<docker::Listed>>()> list_containers;
  };
  // Addresses. Unset: IPAM is off.
  struct Addresses {
    std::function<asio::awaitable<std::optional<Cidr>>(std::string id, std::optional<Cidr> subnet)> allocate;
    std::function<asio::awaitable<bool>(std::string id, Cidr address)> claim;
    std::function<void(const std::string& id, Ipv4 address)> release;
    std::function<std::set<Ipv4>(const std::string& id)> held;
    std::function<void(const std::string&id)> died, started, destroyed;
    std::function<void(const std::set<std::string>& running, const std::set<std::string>& existing)> reconcile;
  };
  // What is done in the kernel, for the container's first process. May throw Error.
  struct Host {
    std::function<asio::awaitable<void>(docker::Container, std::vector<Cidr>, control::Backend::AttachRequest)> attach;
    // Removes those addresses of the interface ethwe that `wanted` accepts; returns them.
    std::function<asio::awaitable<std::vector<Cidr>>(docker::Container, std::function<bool(const Cidr&)> wanted)>
        detach;
    // The addresses of ethwe.
    std::function<asio::awaitable<std::vector<Cidr>>(int pid)> attached;
    std::function<asio::awaitable<void>(int pid)> announce;
  };
  struct Config {
    std::string domain;                  // of names, with a trailing dot
    std::optional<Cidr> default_subnet;  // nothing: IPAM is off
    std::set<std::string> drivers;       // names of our network drivers
  };

  // `names` is asked for the registrar before each use; null: DNS is off.
  Containers(asio::any_io_executor executor, Store& store, Config config, Docker docker, Addresses addresses, Host host,
             std::function<Registrar*()> names);
  Containers(const Containers&) = delete;

  void on_event(const docker::Event& event);
  // After each (re)connection to Docker: compares everything with its lists. Throws Error.
  asio::awaitable<void> reconcile();

  // As control::Backend has them.
  asio::awaitable<std::vector<Cidr>> attach(control::Backend::AttachRequest request);
  asio::awaitable<std::vector<Cidr>> detach(std::string container, std::vector<std::string> addresses);
  // Whether a container runs.
  asio::awaitable<bool> runs(std::string container);

 private:
  // An inspection in flight; `rerun`: an event arrived since it started.
  struct Refresh {
    bool rerun = false;
  };

  void schedule_refresh(const std::string& container);
  asio::awaitable<void> refresh(std::string container, std::shared_ptr<Refresh> state);
  asio::awaitable<void> inspect(const std::string& container, const Refresh& state);
  asio::awaitable<bool> is_ours(std::string network_id);
  asio::awaitable<Registrar::Wanted> wanted_names(docker::Container container);

  asio::any_io_executor executor_;
  Store& store_;
  Config config_;
  Docker docker_;
  Addresses addresses_;
  Host host_;
  std::function<Registrar*()> names_;
  std::map<std::string, std::shared_ptr<Refresh>> refreshes_;  // by container
  std::map<std::string, bool> our_networks_;                   // by id: whether its driver is ours
};

}  // namespace weave::router
