#include "router/attached.hpp"

#include "base/offload.hpp"
#include "docker/run_blocking.hpp"
#include "host/attach.hpp"

namespace weave::router {

docker::Container attachable(docker::Container container) {
  if (!container.running || container.pid == 0) throw Error("container " + container.id + " not running");
  if (container.network_mode == "host")
    throw Error(
        "Container is running in the host network namespace, and therefore cannot be\n"
        "connected to weave - perhaps the container was started with --net=host");
  return container;
}

asio::awaitable<std::vector<control::Backend::Attached>> attached_containers(docker::Client& docker,
                                                                             asio::thread_pool& pool,
                                                                             std::string bridge,
                                                                             std::vector<std::string> words) {
  std::vector<std::pair<std::string, int>> processes;  // id, pid
  const bool named = !words.empty();
  if (!named)
    for (const auto& listed : co_await docker.list_containers()) words.push_back(listed.id);
  for (const auto& word : words) {
    try {
      auto container = co_await docker.inspect_container(word);
      if (container.running && container.pid != 0) processes.emplace_back(container.id, container.pid);
    } catch (const docker::NoSuchContainer&) {
      if (named) throw;  // one that was listed may have gone meanwhile
    }
  }
  co_return co_await offload(pool, [bridge, processes] {
    std::vector<control::Backend::Attached> found;
    auto ports = host::container_ports(bridge);
    for (const auto& [id, pid] : processes) {
      try {
        for (const auto& one : host::list_attached(host::NetNs::of_pid(pid), ports))
          found.push_back({id, one.mac.str(), one.cidrs});
      } catch (const Error&) {
        // It has ended in this moment.
      }
    }
    return found;
  });
}

std::vector<control::Backend::Attached> attached_blocking(const std::vector<std::string>& words,
                                                          const std::string& bridge) {
  if (!host::Netlink().find_link(bridge))
    throw Error("weave is not set up on this host", "Start it with 'weave launch'.");
  docker::Client docker;
  asio::thread_pool pool(1);
  return docker::run_blocking(attached_containers(docker, pool, bridge, words));
}

}  // namespace weave::router
