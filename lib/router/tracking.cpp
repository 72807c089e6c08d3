// Following Docker's containers: their names appear and go, their addresses outlive them for a while.
//
// An event only says that a container has changed; what is true of it is asked of Docker. So events that come twice,
// late or not at all do no harm, and after every reconnection all containers are looked at.
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.hpp"
#include "base/offload.hpp"
#include "plugin/driver.hpp"
#include "router/containers.hpp"
#include "router/router.hpp"

namespace weave::router {

docker::Client& Router::docker() {
  if (!docker_) throw Error("weave was launched without Docker (--docker-api '')");
  return *docker_;
}

asio::awaitable<docker::Container> Router::running_container(std::string word) {
  return attachable_container(docker(), std::move(word));
}

asio::awaitable<bool> Router::runs(std::string container) {
  if (!docker_) co_return true;
  try {
    auto found = co_await docker_->inspect_container(container);
    co_return found.running && !found.restarting;
  } catch (const docker::NoSuchContainer&) {
    co_return false;
  }
}

asio::awaitable<bool> Router::is_ours(std::string network_id) {
  if (auto known = our_networks_.find(network_id); known != our_networks_.end()) co_return known->second;
  auto network = co_await docker_->inspect_network(network_id);
  if (!network) co_return false;
  bool ours = network->driver == plugin::kMeshDriver || network->driver == plugin::kGlobalDriver;
  co_return our_networks_[network_id] = ours;
}

void Router::on_event(const docker::Event& event) {
  if (event.type == "network") {
    if (event.action == "destroy") our_networks_.erase(event.id);
    if (event.action != "connect" && event.action != "disconnect") return;
    if (auto container = event.attributes.find("container"); container != event.attributes.end())
      touch(container->second);
    return;
  }
  if (event.action == "die") {
    if (registrar_) registrar_->died(event.id);
    if (addresses_) addresses_->container_died(event.id);
  } else if (event.action == "start") {
    if (addresses_) addresses_->container_started(event.id);
  } else if (event.action == "destroy") {
    if (addresses_) addresses_->container_destroyed(event.id);
    store_->erase("attach", event.id);
  } else if (event.action != "rename") {
    return;
  }
  // Also after its death: a look that is under way must not bring back what it saw before.
  touch(event.id);
}

void Router::touch(const std::string& container) {
  auto& pending = pending_[container];
  if (pending) {
    pending->again = true;
    return;
  }
  pending = std::make_shared<Pending>();
  asio::co_spawn(io_, refresh(container, pending), asio::detached);
}

asio::awaitable<void> Router::refresh(std::string id, std::shared_ptr<Pending> pending) {
  do {
    pending->again = false;
    try {
      auto container = co_await docker_->inspect_container(id);
      if (container.running && container.pid != 0) {
        auto wanted = co_await wanted_names(container);
        if (!pending->again && registrar_) registrar_->update(id, wanted);
        bool ours = false;
        for (const auto& [name, endpoint] : container.networks) ours = ours || co_await is_ours(endpoint.network_id);
        if (ours)
          co_await offload(host_, [pid = container.pid] { host::announce_container(host::NetNs::of_pid(pid)); });
      } else if (registrar_) {
        registrar_->died(id);
      }
    } catch (const docker::NoSuchContainer&) {
      if (registrar_) registrar_->died(id);
    } catch (const std::exception& error) {
      log::warning("cannot look at a container: container={} reason={}", id.substr(0, 12), error.what());
    }
  } while (pending->again);
  pending_.erase(id);
}

// Its names with their addresses: on networks of our drivers as Docker says, attached by hand as the kernel says.
asio::awaitable<Registrar::Wanted> Router::wanted_names(docker::Container container) {
  Registrar::Wanted wanted;
  if (!registrar_) co_return wanted;
  for (const auto& [name, endpoint] : container.networks) {
    auto address = Ipv4::parse(endpoint.ip);
    if (!address || !co_await is_ours(endpoint.network_id)) continue;
    for (auto& fqdn : container_names(container, &endpoint, options_.dns_domain))
      wanted.insert({std::move(fqdn), *address});
  }
  if (store_->get("attach", container.id) == "without-dns") co_return wanted;
  auto attached = co_await offload(host_, [pid = container.pid, bridge = options_.bridge] {
    std::vector<host::Attachment> found;
    if (host::Netlink().find_link(fmt::format("vethwepl{}", pid)))
      found = host::list_attached(host::NetNs::of_pid(pid), host::container_ports(bridge));
    return found;
  });
  for (const auto& attachment : attached) {
    if (attachment.interface != "ethwe") continue;
    for (const auto& cidr : attachment.cidrs)
      for (auto& fqdn : container_names(container, nullptr, options_.dns_domain))
        wanted.insert({std::move(fqdn), cidr.address});
  }
  co_return wanted;
}

// After each (re)connection to Docker: nothing that happened meanwhile was heard.
asio::awaitable<void> Router::reconcile() {
  try {
    our_networks_.clear();
    std::set<std::string> running, existing;
    for (const auto& listed : co_await docker_->list_containers(false)) {
      existing.insert(listed.id);
      // A paused container runs; one that is being restarted is between two lives.
      if (listed.state == "running" || listed.state == "paused") running.insert(listed.id);
    }
    if (addresses_) addresses_->reconcile(running, existing);
    if (registrar_) registrar_->keep_only(running);
    for (const auto& id : running) touch(id);
    if (plugin_ && plugin_->wanted() && !network_ready_) co_await ensure_network();
    for (const auto& table : co_await offload(host_, [this] { return firewall_->ensure(); }))
      log::warning("firewall rules were missing and are whole again: table={}", table);
  } catch (const std::exception& error) {
    log::warning("cannot compare with Docker: reason={}", error.what());
  }
}

}  // namespace weave::router
