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

constexpr std::chrono::seconds kRetryMissing{30};  // a module may have been loaded

// The ports of containers, as weave and Weave Net name them.
bool is_container_port(const host::Link& link) {
  return link.kind == "veth" && (link.name.starts_with("vethwl") || link.name.starts_with("vethwepl"));
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
    mtu_ = host::ensure_bridge(config_.bridge).mtu;
    bridge_made_ = fresh;
    host::Firewall firewall(host::Iptables::of_docker(), rules);
    firewall.start();
    for (const auto& cidr : host::bridge_addresses(bridge()))
      log::info("the bridge has an address: bridge={} cidr={}", bridge(), cidr.str());
    return std::optional(std::move(firewall));
  });
  problems_ = firewall_->problems();
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

void HostState::restore_ports() {
  host::Netlink net;
  auto owner = net.link(bridge());
  for (const auto& link : net.links()) {
    if (!is_container_port(link) || !link.peer_elsewhere) continue;
    if (link.master == owner.index && link.up) continue;
    if (link.master != 0 && link.master != owner.index) continue;  // given to another bridge on purpose
    repairs_.attempt("port " + link.name, [&] {
      if (link.master == 0) net.set_master(link.index, owner.index);
      if (!link.up) net.set_up(link.index);
    });
  }
}

asio::awaitable<void> HostState::repair_bridge() {
  co_await offload(pool_, [this] {
    host::restore_bridge(config_.bridge, mtu_, repairs_);
    restore_ports();
    for (const auto& exposure : firewall_->config().exposures)
      host::restore_bridge_address(exposure.cidr, bridge(), repairs_);
  });
}

asio::awaitable<void> HostState::repair_firewall() {
  problems_ = co_await offload(pool_, [this, ranges = config_.unmasqueraded()] {
    auto now = std::chrono::steady_clock::now();
    if (!problems_.empty() && now >= retry_at_) {
      firewall_->retry_missing();
      retry_at_ = now + kRetryMissing;
    }
    if (ranges != firewall_->config().local_ranges) firewall_->set_local_ranges(ranges);
    if (!config_.firewall.dns_interfaces.empty())
      firewall_->set_user_bridges(host::user_bridges(host::Netlink().links()));
    const std::string item = "firewall rules";
    if (!repairs_.due(item)) return firewall_->problems();
    auto done = firewall_->ensure();
    // Docker puts its own rules first when it starts and when it makes a network.
    if (!done.tables.empty())
      repairs_.note(item, done.missing ? host::Repairs::Why::kRemoved : host::Repairs::Why::kUsual);
    return firewall_->problems();
  });
}

asio::awaitable<void> HostState::expose(Cidr address, bool masquerade) {
  co_await offload(pool_, [this, address, masquerade] {
    bool added = host::add_bridge_address(address, bridge());
    try {
      firewall_->add({address, masquerade});
    } catch (const Error&) {
      if (added) host::remove_bridge_address(address.address, bridge());
      throw;
    }
  });
}

asio::awaitable<void> HostState::hide(Cidr address) {
  co_await offload(pool_, [this, address] {
    firewall_->remove(address);  // first: repair_bridge() puts back the addresses that it knows
    host::remove_bridge_address(address.address, bridge());
  });
}

asio::awaitable<std::vector<Cidr>> HostState::exposed() {
  return offload(pool_, [this] { return host::bridge_addresses(bridge()); });
}

asio::awaitable<std::set<Ipv4>> HostState::addresses_in_use() {
  return offload(pool_, [this] {
    std::set<Ipv4> addresses;
    for (const auto& use : host::addresses_in_use(bridge())) addresses.insert(use.cidr.address);
    for (const auto& cidr : host::bridge_addresses(bridge())) addresses.insert(cidr.address);
    return addresses;
  });
}

asio::awaitable<std::vector<FoundAddress>> HostState::found_addresses(docker::Client* docker) {
  std::map<int, std::string> containers;  // by process
  if (docker != nullptr) {
    try {
      for (const auto& listed : co_await docker->list_containers()) {
        auto container = co_await docker->inspect_container(listed.id);
        if (container.pid != 0) containers[container.pid] = container.id;
      }
    } catch (const Error& error) {
      log::warning("cannot ask Docker which containers run: reason={}", error.what());
      containers.clear();
    }
  }
  co_return co_await offload(pool_, [this, containers] {
    // Containers that share a namespace (--net=container:) are found by the first of them.
    std::map<uint64_t, std::string> owners;
    for (const auto& [pid, id] : containers) {
      try {
        owners.emplace(host::NetNs::of_pid(pid).inode(), id);
      } catch (const Error&) {  // the process has just ended
      }
    }
    std::vector<FoundAddress> found;
    for (const auto& use : host::addresses_in_use(bridge())) {
      auto owner = owners.find(use.netns);
      // Docker's plugin files addresses under their own text and releases them itself.
      bool attached = use.interface == "ethwe" && owner != owners.end();
      found.push_back({attached ? owner->second : "", use.cidr});
    }
    return found;
  });
}

}  // namespace weave::router
