// What weave keeps on this host besides the data path: the bridge, the firewall rules, and the host's own addresses in
// the container network (exposures).
#pragma once
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/asio.hpp"
#include "docker/client.hpp"
#include "host/bridge.hpp"
#include "host/firewall.hpp"
#include "host/repairs.hpp"

namespace weave::router {

// An address on the bridge that a container has, found in the kernel.
struct FoundAddress {
  std::string container;  // full id; empty: unknown, or Docker's plugin releases the address itself
  Cidr cidr;

  bool operator==(const FoundAddress&) const = default;
};

class HostState {
 public:
  struct Config {
    host::BridgeConfig bridge;
    host::FirewallConfig firewall;
    // The ranges whose traffic keeps its source (--no-masq-local): our part of the range, as it is now.
    std::function<std::vector<Cidr>()> unmasqueraded = [] { return std::vector<Cidr>(); };
  };

  // Blocking work goes to the pool, which must outlive this, as `repairs` must. Nothing is changed before prepare().
  HostState(asio::thread_pool& pool, host::Repairs& repairs, Config config)
      : pool_(pool), repairs_(repairs), config_(std::move(config)) {}
  HostState(const HostState&) = delete;

  // Makes or adopts the bridge and installs the firewall rules. Throws Error.
  asio::awaitable<void> prepare();
  // After a failed start: removes what prepare() has made, if the bridge was new. A failure is logged.
  asio::awaitable<void> undo();
  // Restores what was removed from the host: the bridge, ports of containers, exposed addresses; and firewall rules.
  // Throws Error.
  asio::awaitable<void> repair_bridge();
  asio::awaitable<void> repair_firewall();

  // Adds an address to the bridge, with firewall rules, and removes it. Throws Error.
  asio::awaitable<void> expose(Cidr address, bool masquerade);
  asio::awaitable<void> hide(Cidr address);

  // The host's own addresses on the bridge.
  asio::awaitable<std::vector<Cidr>> exposed();
  // All addresses that anything on this host has on the bridge, from the kernel. Throws Error.
  asio::awaitable<std::set<Ipv4>> addresses_in_use();
  // The same with the containers that have them. `docker`: asked for the running containers; without it, or when it
  // doesn't respond, containers are unknown.
  asio::awaitable<std::vector<FoundAddress>> found_addresses(docker::Client* docker);

  // What doesn't work of the firewall, as sentences; after prepare().
  const std::vector<std::string>& problems() const { return problems_; }

  const std::string& bridge() const { return config_.bridge.name; }
  // Of the engine that Docker uses; after prepare().
  const host::Iptables& iptables() const { return firewall_->iptables(); }

 private:
  host::FirewallConfig firewall_config() const;
  void restore_ports();

  asio::thread_pool& pool_;
  host::Repairs& repairs_;
  Config config_;
  std::optional<host::Firewall> firewall_;
  std::vector<std::string> problems_;
  std::chrono::steady_clock::time_point retry_at_{};  // rules that the kernel refused
  uint32_t mtu_ = 0;                                  // of the bridge
  bool bridge_made_ = false;                          // by this start
};

}  // namespace weave::router
