#include "router/peers.hpp"

#include <nlohmann/json.hpp>

#include "router/store_table.hpp"

namespace weave::router {
namespace {

constexpr const char* kTargetsKey = "targets";
constexpr const char* kLaunchKey = "launch";

std::string rfc3339(std::chrono::system_clock::time_point time) {
  return time == std::chrono::system_clock::time_point{} ? "" : control::rfc3339(time);
}

}  // namespace

std::vector<std::string> Peers::initial_targets() {
  auto stored = store_.get(kRouterTable, kTargetsKey);
  bool same_launch = store_.get(kRouterTable, kLaunchKey) == config_.launch;
  store_.put(kRouterTable, kLaunchKey, config_.launch);
  if (!stored || !(config_.resume || same_launch)) return config_.peers;
  auto json = nlohmann::json::parse(*stored, nullptr, false);
  std::vector<std::string> targets;
  if (json.is_array())
    for (const auto& one : json)
      if (one.is_string()) targets.push_back(one);
  return targets;
}

void Peers::store_targets() {
  store_.put(kRouterTable, kTargetsKey, nlohmann::json(node_.targets()).dump());
}

std::vector<std::string> Peers::connect_initial() {
  auto refused = node_.connect(initial_targets());
  store_targets();
  return refused;
}

std::vector<std::string> Peers::connect(const std::vector<std::string>& peers, bool replace) {
  auto refused = node_.connect(peers, replace);
  store_targets();
  return refused;
}

void Peers::forget(const std::vector<std::string>& peers) {
  node_.forget(peers);
  store_targets();
}

void Peers::report(control::Router& router, bool fast_datapath) const {
  auto status = node_.status();
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
      if (fast_datapath && peer != status.mesh.peers.end() && !peer->short_id)
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
