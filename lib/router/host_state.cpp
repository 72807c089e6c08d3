#include "router/host_state.hpp"

#include <filesystem>
#include <set>

#include "base/log.hpp"
#include "base/offload.hpp"
#include "host/attach.hpp"
#include "host/expose.hpp"
#include "overlay/fastdp/io/datapath.hpp"

namespace weave::router {
namespace {

// The addresses in one network namespace.
void search(const host::NetNs& sandbox, const std::string& container, const std::vector<host::Link>& ports,
            std::vector<FoundAddress>& found) {
  for (const auto& attachment : host::list_attached(sandbox, ports))
    for (const auto& cidr : attachment.cidrs) {
      // Docker's plugin files addresses under their own text and releases them itself.
      bool attached = attachment.interface == "ethwe";
      found.push_back({attached ? container : "", cidr});
    }
}

// One process per network namespace of this host.
std::vector<int> processes_by_namespace() {
  std::vector<int> processes;
  std::set<std::string> seen;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != name.npos) continue;
    auto link = std::filesystem::read_symlink(entry.path() / "ns/net", ignored).string();
    if (!link.empty() && seen.insert(link).second) processes.push_back(std::stoi(name));
  }
  return processes;
}

}  // namespace

host::FirewallConfig HostState::firewall_config() const {
  auto config = config_.firewall;
  config.local_ranges = config_.unmasqueraded();
  return config;
}

asio::awaitable<void> HostState::prepare() {
  firewall_ = co_await offload(pool_, [this, rules = firewall_config()] {
    bool fresh = host::bridge_type(bridge()) == host::BridgeType::kNone;
    host::ensure_bridge(config_.bridge);
    bridge_made_ = fresh;
    host::Firewall firewall(host::Iptables::of_docker(), rules);
    firewall.start();
    for (const auto& cidr : host::bridge_addresses(bridge()))
      log::info("the bridge has an address: bridge={} cidr={}", bridge(), cidr.str());
    return std::optional(std::move(firewall));
  });
}

asio::awaitable<void> HostState::undo() {
  if (!bridge_made_) co_return;
  try {
    co_await offload(pool_, [this, rules = firewall_config()] {
      host::Firewall(host::Iptables::of_docker(), rules).uninstall();
      overlay::FastDatapath::remove();
      host::remove_bridge(bridge());
    });
    bridge_made_ = false;
  } catch (const Error& error) {
    log::warning("cannot undo the preparation of the host: reason={}", error.what());
  }
}

asio::awaitable<void> HostState::repair() {
  auto repaired = co_await offload(pool_, [this, ranges = config_.unmasqueraded()] {
    if (ranges != firewall_->config().local_ranges) firewall_->set_local_ranges(ranges);
    return firewall_->ensure();
  });
  for (const auto& table : repaired) log::warning("restored missing firewall rules: table={}", table);
}

asio::awaitable<void> HostState::expose(Cidr address, bool masquerade) {
  co_await offload(pool_, [this, address, masquerade] {
    host::add_bridge_address(address, bridge());
    firewall_->add({address, masquerade});
  });
}

asio::awaitable<void> HostState::hide(Cidr address) {
  co_await offload(pool_, [this, address] {
    firewall_->remove(address);
    host::remove_bridge_address(address.address, bridge());
  });
}

asio::awaitable<std::vector<Cidr>> HostState::exposed() {
  return offload(pool_, [this] { return host::bridge_addresses(bridge()); });
}

asio::awaitable<std::vector<FoundAddress>> HostState::found_addresses(docker::Client* docker) {
  std::map<std::string, int> processes;  // by container
  if (docker != nullptr) {
    try {
      for (const auto& listed : co_await docker->list_containers()) {
        auto container = co_await docker->inspect_container(listed.id);
        if (container.pid != 0) processes[container.id] = container.pid;
      }
    } catch (const Error& error) {
      log::warning("cannot ask Docker which containers run, searching all processes: reason={}", error.what());
      processes.clear();
    }
  }
  co_return co_await offload(pool_, [this, processes] {
    std::vector<FoundAddress> found;
    auto ports = host::container_ports(bridge());
    if (ports.empty()) return found;
    auto search_process = [&](int pid, const std::string& container) {
      try {
        search(host::NetNs::of_pid(pid), container, ports, found);
      } catch (const Error&) {  // the process has just ended
      }
    };
    for (const auto& [id, pid] : processes) search_process(pid, id);
    if (processes.empty())
      for (int pid : processes_by_namespace()) search_process(pid, "");
    return found;
  });
}

}  // namespace weave::router
