// The router: constructs the owners (owners.hpp) and connects them; then the order of start and shut-down. Everything
// runs on one thread but blocking work, which goes to a second one.
//
//   who                    feeds whom                                             through
//   ---------------------  -----------------------------------------------------  ---------------------------------
//   control API (HTTP)     Addresses, NamesService, Containers, HostState, Peers  Api
//   Docker's events        Containers                                             docker::watch
//   Containers             Addresses, NamesService (Registrar)                    Containers::Addresses, names
//   Peers (mesh node)      Addresses, NamesService                                gossip channels, peers_gone
//   Peers (mesh node)      Datapath                                               NodeConfig::overlays,
//   short_ids_changed Addresses              Peers                                                  ipam::Links
//   NamesService           Peers, DNS server process                              NamesService::Mesh, dns feed
//   PluginService          plugin server process, Docker's network                supervise::Service, DockerNetwork
//   HostState              Addresses (at the start)                               found_addresses, exposed
//   Reconciler             HostState, Datapath, PluginService                     checks (add_checks)
//
// Start: lock, store, name; DNS server; bridge and firewall; addresses in use are claimed; only then the node, the API
// and the plugin, so that no address is given out twice. A router that starts adopts what is in the kernel.
// shut_down.hpp has the order of the end.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/api.hpp"
#include "router/api.hpp"
#include "router/owners.hpp"
#include "router/reconciler.hpp"
#include "settings/settings.hpp"
#include "store/store.hpp"

namespace weave::router {

class Router {
 public:
  // Nothing is touched before start(). `settings` must have a service id.
  explicit Router(settings::Settings settings);
  ~Router();
  Router(const Router&) = delete;

  // Locks the host, starts all owners and returns when they are ready, with warnings for the user. Throws Error; then
  // what this start made on the host has been removed.
  asio::awaitable<std::vector<std::string>> start();
  // Ends all owners. Bridge, rules, data path and containers stay as they are.
  asio::awaitable<void> shut_down();

  asio::io_context& io() { return io_; }
  // Called once when `weave stop` asks for the end over the control API.
  void on_stop(std::function<void()> call) { on_stop_ = std::move(call); }

  control::Report report(control::ReportParts parts) const;

 private:
  // router.cpp: the order of things
  void open_store();
  void identify();
  asio::awaitable<void> start_owners(std::vector<std::string>& warnings);
  asio::awaitable<void> claim_found_addresses();
  void start_mesh(std::vector<std::string>& warnings);
  void serve_api();
  void add_checks();
  asio::awaitable<void> restore_docker_network();
  void look_at_routes();
  void on_docker_event(const docker::Event& event);
  asio::awaitable<void> docker_connected();
  asio::awaitable<void> maintenance_loop();

  // wiring.cpp: the owners, and what each needs of the others
  std::unique_ptr<docker::Client> make_docker() const;
  std::unique_ptr<Addresses> make_addresses();
  std::unique_ptr<NamesService> make_names();
  std::unique_ptr<HostState> make_host();
  std::unique_ptr<Datapath> make_datapath();
  std::unique_ptr<Peers> make_peers();
  std::unique_ptr<Containers> make_containers();
  std::unique_ptr<PluginService> make_plugin();
  std::vector<Cidr> own_ranges() const;

  settings::Settings settings_;
  asio::io_context io_{1};
  asio::thread_pool blocking_pool_{1};
  UniqueFd lock_;  // of this host
  std::optional<Store> store_;
  PeerName self_;
  gossip::Channel addresses_channel_;
  host::Repairs repairs_;
  Owners owners_;
  Reconciler reconciler_{io_.get_executor()};
  std::unique_ptr<Api> api_;
  std::unique_ptr<control::Routes> routes_;
  std::vector<std::unique_ptr<http::Server>> servers_;
  bool ready_ = false, stopping_ = false;
  std::string route_problem_;     // a route of the host in the range; empty: none
  bool network_removed_ = false;  // Docker's network, by somebody else
  std::function<void()> on_stop_ = [] {};
};

}  // namespace weave::router
