// The names of containers on this host and of all peers: the database, its gossip, what is registered for our
// containers, and the DNS server that answers from it.
//
//   containers ──> Registrar ──┐                   ┌──> DnsService ──> DNS server process
//                              ├──> Database ──────┤
//   mesh ──> Gossiper ─────────┘                   └──> Gossiper ──> mesh
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/asio.hpp"
#include "control/metrics.hpp"
#include "control/report.hpp"
#include "names/gossip.hpp"
#include "router/dns_service.hpp"
#include "router/registrar.hpp"
#include "store/store.hpp"

namespace weave::router {

class NamesService {
 public:
  struct Config {
    PeerName self;
    std::string domain;                 // with a trailing dot
    std::vector<SocketAddress> listen;  // empty: port 53 of Docker's bridge
    std::string docker_bridge;
    uint32_t ttl = 1;          // seconds
    bool local_first = false;  // addresses of this host's containers come first
    std::string resolv_conf;
    std::chrono::milliseconds timeout{5000};  // for a forwarded query
    bool optional = false;                    // a server that cannot start is no error
    bool await_docker = false;                // Docker's bridge may appear later (started before Docker by systemd)
  };
  // What names need of the mesh; called from start() on.
  struct Mesh {
    std::function<bool(PeerName)> knows;
    std::function<PeerName()> speaker;  // the neighbour whose gossip is being taken in
    std::function<void(gossip::Gossip)> broadcast;
  };

  NamesService(asio::any_io_executor executor, Store& store, Config config, Mesh mesh);
  NamesService(const NamesService&) = delete;

  // Starts the DNS server. Returns a warning when it could not be started and is optional: then names are off. Throws
  // Error otherwise.
  asio::awaitable<std::optional<std::string>> start();
  asio::awaitable<void> stop();
  // Whether names are served; false after an optional server has failed.
  bool on() const { return dns_ != nullptr; }
  bool up() const;

  Registrar& registrar() { return *registrar_; }
  gossip::Channel channel() { return gossiper_->channel(); }
  void peer_gone(PeerName peer) { gossiper_->peer_gone(peer); }
  // Removes old tombstones; to be called regularly.
  void collect();
  const std::string& domain() const { return config_.domain; }

  void report(control::Report& report) const;
  void count(control::Counters& counters) const;

 private:
  dns::Config dns_config() const;
  void publish(const names::Entries& entries);

  Config config_;
  names::Database database_;
  std::unique_ptr<names::Gossiper> gossiper_;
  std::unique_ptr<DnsService> dns_;
  std::unique_ptr<Registrar> registrar_;
  std::chrono::steady_clock::time_point collected_ = std::chrono::steady_clock::now();
};

// The addresses for the DNS server to listen on. Throws Error when none is given and Docker's bridge has no address.
std::vector<SocketAddress> dns_listen_addresses(const std::vector<SocketAddress>& given,
                                                const std::string& docker_bridge);

}  // namespace weave::router
