// This router as a peer of the mesh.
#include <sodium/randombytes.h>

#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "ipam/parse.hpp"
#include "router/router.hpp"

namespace weave::router {
namespace {

constexpr const char* kTable = kRouterTable;

std::string rfc3339(std::chrono::system_clock::time_point time) {
  return time == std::chrono::system_clock::time_point{} ? "" : control::rfc3339(time);
}

int64_t unix_time() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

// What was stored counts when the user wants it, or when this is the same launch after a crash: there may have been
// changes since.
std::vector<std::string> Router::initial_targets() {
  auto stored = store_->get(kTable, "targets");
  bool same_launch = store_->get(kTable, "launch") == options_.service_id;
  store_->put(kTable, "launch", options_.service_id);
  if (!stored || !(options_.resume || same_launch)) return options_.peers;
  auto json = nlohmann::json::parse(*stored, nullptr, false);
  std::vector<std::string> targets;
  if (json.is_array())
    for (const auto& one : json)
      if (one.is_string()) targets.push_back(one);
  return targets;
}

void Router::keep_targets() {
  store_->put(kTable, "targets", nlohmann::json(node_->targets()).dump());
}

void Router::start_node(std::vector<std::string>& warnings) {
  mesh::NodeConfig config;
  config.name = self_;
  config.nickname = options_.nickname;
  config.port = static_cast<uint16_t>(options_.port);
  config.host = options_.host;
  config.password = Secret(options_.password);
  for (const auto& subnet : options_.trusted_subnets) config.trusted_subnets.push_back(*Cidr::parse(subnet));
  config.min_version = options_.min_protocol;
  config.conn_limit = static_cast<size_t>(options_.connection_limit);
  config.discovery = options_.discovery;
  start_fast_datapath(warnings);
  config.short_id = stored_short_id();
  if (fast_) {
    config.overlays = {"fastdp", "sleeve"};
    if (auto id = fast_->adopted_short_id()) config.short_id = id;
  }
  mesh::NodeHooks hooks;
  hooks.topology_changed = hooks.routes_changed = hooks.short_ids_changed =
      hooks.connections_changed = [this] { topology_changed(); };
  hooks.make_forwarder = [this](const std::string& overlay, const overlay::Link& link, std::function<void()> changed) {
    return make_forwarder(overlay, link, std::move(changed));
  };
  hooks.peers_gone = [this](const std::vector<mesh::Peer>& peers) { peers_gone(peers); };
  node_.emplace(io_.get_executor(), std::move(config), std::move(hooks));
  if (addresses_) node_->add_channel(ipam::kChannelName, addresses_channel_);
  if (gossiper_) node_->add_channel(names::kChannelName, gossiper_->channel());
  node_->start();
  start_sleeve();
  topology_changed();
  for (auto& trouble : node_->connect(initial_targets())) warnings.push_back(std::move(trouble));
  keep_targets();
}

ipam::Config Router::ipam_config() const {
  ipam::Config config{.self = self_,
                      .nickname = options_.nickname,
                      .range = *range_of(options_),
                      .default_subnet = *default_subnet_of(options_),
                      .seed = {},
                      .random = {}};
  randombytes_buf(&config.uid, sizeof config.uid);
  config.random = [] {
    uint64_t number;
    randombytes_buf(&number, sizeof number);
    return number;
  };
  auto init = ipam::parse_init(options_.ipam_init).value();  // check() has seen to that
  config.seed = std::move(init.seed);
  config.observer = init.observer;
  config.expected = init.expected;
  return config;
}

ipam::Links Router::ipam_links() {
  ipam::Links links;
  links.unicast = [this](PeerName to, Bytes message) -> Result<void> {
    if (!node_) return Refused(std::string("not connected yet"));
    return node_->unicast(ipam::kChannelName, to, message);
  };
  links.broadcast = [this] {
    if (node_) node_->broadcast(ipam::kChannelName, addresses_channel_.gossip());
  };
  links.reachable = [this](PeerName peer) { return node_ && node_->mesh().peers().find(peer) != nullptr; };
  links.targets = [this] { return node_ ? node_->targets().size() : options_.peers.size(); };
  links.unix_time = unix_time;
  return links;
}

// Names travel as soon as there is a node; what was registered before goes to each new neighbour anyway.
void Router::gossip_names() {
  names::GossipHooks hooks;
  hooks.now = unix_time;
  hooks.known = [this](PeerName peer) { return node_ && node_->mesh().peers().find(peer) != nullptr; };
  hooks.neighbour = [this] { return node_ ? node_->mesh().speaker() : PeerName{}; };
  hooks.broadcast = [this](mesh::Gossip data) {
    if (node_) node_->broadcast(names::kChannelName, std::move(data));
  };
  hooks.changed = [this](const names::Entries& entries) { dns_->changed(entries); };
  hooks.erased = [this](const names::Entries& entries) { dns_->erased(entries); };
  gossiper_.emplace(*names_, std::move(hooks));
}

void Router::peers_gone(const std::vector<mesh::Peer>& peers) {
  for (const auto& peer : peers) {
    if (gossiper_) gossiper_->peer_gone(peer.name);
    if (addresses_) addresses_->peer_gone(peer.name);
  }
}

std::vector<std::string> Router::connect(const std::vector<std::string>& peers, bool replace) {
  auto refused = node_->connect(peers, replace);
  keep_targets();
  return refused;
}

void Router::forget(const std::vector<std::string>& peers) {
  node_->forget(peers);
  keep_targets();
}

void Router::report_peers(control::Router& router) {
  auto status = node_->status();
  report_datapath(router, status.mesh.peers);
  router.protocol_min = status.min_version;
  router.protocol_max = status.max_version;
  router.termination_count = status.terminations;
  router.targets = status.targets;
  std::map<PeerName, std::string> nicknames;
  for (const auto& peer : status.mesh.peers) nicknames[peer.name] = mesh::printable(peer.nickname);
  for (const auto& peer : status.mesh.peers) {
    control::Peer shown{.name = peer.name.str(),
                        .nickname = nicknames[peer.name],
                        .uid = peer.uid,
                        .short_id = peer.short_id.value_or(0),
                        .version = peer.version,
                        .connections = {}};
    for (const auto& link : peer.links)
      shown.connections.push_back({link.to.str(), nicknames[link.to], link.address, link.outbound, link.established});
    router.peers.push_back(std::move(shown));
  }
  for (auto [destination, via] : status.mesh.unicast_routes)
    router.unicast_routes.push_back({destination.str(), via.str()});
  for (const auto& [source, hops] : status.mesh.broadcast_routes) {
    control::BroadcastRoute route{source.str(), {}};
    for (auto hop : hops) route.via.push_back(hop.str());
    router.broadcast_routes.push_back(std::move(route));
  }
  for (const auto& row : status.connections) {
    control::Connection shown{.address = row.address, .outbound = row.outbound, .state = row.state, .info = row.info};
    if (row.peer.value != 0) {
      shown.attrs["name"] = row.overlay.empty() ? "none" : row.overlay;
      if (row.mtu) shown.attrs["mtu"] = int64_t{*row.mtu};
      if (row.encrypted) shown.attrs["encrypted"] = true;
      shown.reason = row.reason;
      auto peer = std::ranges::find(status.mesh.peers, row.peer, &mesh::Peer::name);
      if (fast_ && peer != status.mesh.peers.end() && !peer->short_id)
        shown.reason =
            "its version is too old for frames to pass beside the fast datapath: launch with --datapath=none";
    } else {
      shown.last_error = row.reason;
    }
    shown.since = rfc3339(row.since);
    if (row.retry_at) shown.retry_at = rfc3339(*row.retry_at);
    router.connections.push_back(std::move(shown));
  }
}

}  // namespace weave::router
