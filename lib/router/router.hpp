// The router: the parts of weave on this host, wired together. It owns all state; everything runs on one thread but
// for work that blocks, which goes to a second one.
//
//      control API (socket, TCP) ──┐                      ┌── Docker's events
//                                  v                      v
//      plugin server ── HTTP ──> Router ── addresses, names, exposures ──> bridge, firewall, containers
//                                  └── names ──> DNS server
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/api.hpp"
#include "docker/client.hpp"
#include "host/attach.hpp"
#include "host/firewall.hpp"
#include "host/netlink.hpp"
#include "mesh/node.hpp"
#include "names/gossip.hpp"
#include "overlay/fast_datapath.hpp"
#include "router/addresses.hpp"
#include "router/dns_service.hpp"
#include "router/options.hpp"
#include "router/plugin_process.hpp"
#include "router/registrar.hpp"
#include "store/store.hpp"

namespace weave::router {

class Router final : public control::Backend {
 public:
  // Nothing is touched before start(). `options` must have passed check() and have a service id.
  explicit Router(Options options);
  ~Router() override;

  // Takes hold of the host, starts all parts and returns when they are ready; answers warnings for the user. Throws
  // Error, and then what it made on the host is gone again.
  asio::awaitable<std::vector<std::string>> start();
  // Ends all parts. Bridge, rules and containers stay as they are.
  asio::awaitable<void> shut_down();

  asio::io_context& io() { return io_; }
  // Called once when somebody asks for the end over the control API.
  void on_stop(std::function<void()> call) { on_stop_ = std::move(call); }

  // --- control::Backend
  Parts parts() override;
  control::Report report() override;
  control::Counters counters() override;
  asio::awaitable<std::optional<Cidr>> allocate(std::string id, std::optional<Cidr> subnet, bool check_alive) override;
  asio::awaitable<bool> claim(std::string id, Cidr address, bool check_alive, bool no_error_on_unknown) override;
  std::vector<Cidr> lookup(const std::string& id, std::optional<Cidr> subnet) override;
  std::map<std::string, std::vector<Cidr>> owned() override;
  bool release(const std::string& id, std::optional<Ipv4> address) override;
  asio::awaitable<void> ring() override;
  asio::awaitable<void> leave() override;
  std::optional<uint64_t> take_over(const std::string& peer, bool force) override;
  std::string ipam_diff() override;
  std::string ipam_repair(bool rejoin, bool force) override;
  asio::awaitable<std::optional<std::string>> add_name(std::string id, Ipv4 address, std::string fqdn,
                                                       bool check_alive) override;
  void delete_name(std::optional<std::string> fqdn, std::optional<std::string> id,
                   std::optional<Ipv4> address) override;
  asio::awaitable<std::vector<Cidr>> attach(AttachRequest request) override;
  asio::awaitable<std::vector<Cidr>> detach(std::string container, std::vector<std::string> addresses) override;
  asio::awaitable<std::vector<Attached>> attached(std::vector<std::string> containers) override;
  asio::awaitable<void> expose(Cidr address, bool skip_nat) override;
  asio::awaitable<void> hide(Cidr address, bool skip_nat) override;
  std::vector<std::string> connect(const std::vector<std::string>& peers, bool replace) override;
  void forget(const std::vector<std::string>& peers) override;
  asio::awaitable<std::string> start_plugin(http::Fields options) override;
  asio::awaitable<bool> stop_plugin() override;
  asio::awaitable<std::vector<std::string>> stop(bool remove_network) override;

 private:
  // A look at a container that is under way; `again` when it has changed meanwhile.
  struct Pending {
    bool again = false;
  };

  // start.cpp
  void open_store();
  void identify();
  void open_doors();
  asio::awaitable<void> prepare_host();
  asio::awaitable<void> undo_host();
  asio::awaitable<void> reclaim();
  asio::awaitable<void> start_dns(std::vector<std::string>& warnings);
  asio::awaitable<void> keep_house();
  dns::Config dns_config() const;
  PluginConfig plugin_config() const;
  host::FirewallConfig firewall_config() const;
  std::vector<Cidr> unmasqueraded() const;

  // peers.cpp
  std::vector<std::string> initial_targets();
  void keep_targets();
  ipam::Config ipam_config() const;
  ipam::Links ipam_links();
  void gossip_names();
  void peers_gone(const std::vector<mesh::Peer>& peers);
  void start_node(std::vector<std::string>& warnings);
  void report_peers(control::Router& router);

  // datapath.cpp
  void start_fast_datapath(std::vector<std::string>& warnings);
  void start_sleeve();
  void mend_sleeve();
  void keep_short_id();
  std::optional<uint16_t> stored_short_id();
  void topology_changed();
  Result<std::unique_ptr<overlay::Forwarder>> make_forwarder(const std::string& overlay, const overlay::Link& link,
                                                             std::function<void()> changed);
  std::string datapath_text() const;
  void report_datapath(control::Router& router, const std::vector<mesh::Peer>& peers);
  void count_datapath(control::Counters& counters);

  // plugin.cpp
  // `patient`: a server that can't start yet is tried again.
  asio::awaitable<std::string> start_plugin_server(bool patient);
  asio::awaitable<void> ensure_network();
  asio::awaitable<std::vector<std::string>> network_members();

  // tracking.cpp
  void on_event(const docker::Event& event);
  void touch(const std::string& container);
  asio::awaitable<void> refresh(std::string container, std::shared_ptr<Pending> pending);
  asio::awaitable<void> reconcile();
  asio::awaitable<bool> is_ours(std::string network_id);
  asio::awaitable<bool> runs(std::string container);
  asio::awaitable<Registrar::Wanted> wanted_names(docker::Container container);
  asio::awaitable<docker::Container> running_container(std::string word);
  docker::Client& docker();

  Options options_;
  asio::io_context io_{1};
  asio::thread_pool host_{1};
  UniqueFd lock_;  // of this host
  std::optional<Store> store_;
  PeerName self_;
  std::optional<docker::Client> docker_;
  std::optional<Addresses> addresses_;  // nothing: IPAM is off
  mesh::Channel addresses_channel_;
  std::optional<names::Database> names_;
  std::optional<Registrar> registrar_;  // nothing: DNS is off
  std::optional<names::Gossiper> gossiper_;
  std::optional<DnsService> dns_;  // nothing: DNS is off
  std::optional<supervise::Service> plugin_;
  std::optional<overlay::FastDatapath> fast_;  // nothing: all goes by sleeve; outlives the node's connections
  std::string fast_trouble_;                   // why
  std::optional<uint16_t> short_id_;           // as stored
  std::optional<mesh::Node> node_;
  std::optional<host::Firewall> firewall_;
  control::Routes routes_{*this};
  std::vector<std::unique_ptr<http::Server>> doors_;

  bool bridge_made_ = false;  // by this start
  uint32_t mtu_ = 0;          // of the bridge, bytes
  std::string plugin_id_;     // the plugin's service id
  UniqueFd plugin_life_;      // the plugin ends when this closes
  bool network_ready_ = false, ready_ = false, stop_asked_ = false, stopping_ = false;
  std::string network_trouble_;  // why Docker has no network "weave" of ours
  std::map<std::string, std::shared_ptr<Pending>> pending_;
  std::map<std::string, bool> our_networks_;  // by id: is its driver ours?
  std::function<void()> on_stop_ = [] {};
};

}  // namespace weave::router
