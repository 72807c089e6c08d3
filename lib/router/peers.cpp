#include "router/peers.hpp"

#include <nlohmann/json.hpp>

#include "control/text.hpp"
#include "router/store_table.hpp"

namespace weave::router {
namespace {

constexpr const char* kTargetsKey = "targets";
constexpr const char* kLaunchKey = "launch";

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

void Peers::count(control::Counters& counters) const {
  for (const auto& [channel, counts] : node_.mesh().gossip_counts()) {
    counters.gossip[{channel, "in"}] = counts.received;
    counters.gossip[{channel, "out"}] = counts.sent;
  }
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
    control::Peer shown{.name = peer.name,
                        .nickname = nicknames[peer.name],
                        .uid = peer.uid,
                        .short_id = peer.short_id.value_or(0),
                        .version = peer.version,
                        .connections = {}};
    for (const auto& link : peer.links)
      shown.connections.push_back({link.to, nicknames[link.to], link.address, link.outbound, link.established});
    router.peers.push_back(std::move(shown));
  }
  for (auto [destination, via] : status.mesh.unicast_routes) router.unicast_routes.push_back({destination, via});
  for (const auto& [source, hops] : status.mesh.broadcast_routes) router.broadcast_routes.push_back({source, hops});
  for (const auto& row : status.connections) {
    control::Connection shown{.address = row.address, .outbound = row.outbound, .state = row.state};
    if (row.peer.value != 0) {
      auto encrypted = status.encryption ? std::optional(row.encrypted) : std::nullopt;
      shown.info = control::connected_info(encrypted, row.overlay, row.peer, row.nickname);
      shown.attrs["name"] = row.overlay.empty() ? "none" : row.overlay;
      if (row.mtu) shown.attrs["mtu"] = int64_t{*row.mtu};
      if (row.encrypted) shown.attrs["encrypted"] = true;
      shown.reason = row.reason;
      auto peer = std::ranges::find(status.mesh.peers, row.peer, &mesh::Peer::name);
      if (fast_datapath && peer != status.mesh.peers.end() && !peer->short_id)
        shown.reason =
            "its version is too old for frames to pass beside the fast datapath: launch with --datapath=none";
    } else {
      shown.info = row.outbound ? control::target_info(row.state, row.reason, row.retry_at) : row.reason;
      shown.last_error = row.reason;
    }
    if (row.since != control::WallTime{}) shown.since = row.since;
    shown.retry_at = row.retry_at;
    router.connections.push_back(std::move(shown));
  }
}

}  // namespace weave::router
