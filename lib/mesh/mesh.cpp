// The life of connections and the timers; gossip.cpp has what goes through them.
#include "mesh/mesh.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"

namespace weave::mesh {

namespace {

Peer checked(Peer self) {
  if (!self.name.value || self.name.value >> 48 || !self.uid) throw Error("a mesh needs a peer name and a uid");
  self.version = 0;
  self.links.clear();
  return self;
}

std::string label(const Handshake& remote) {
  return fmt::format("{}({})", remote.name.str(), printable(remote.nickname));
}

void log_closed(const Handshake& remote, std::string_view reason) {
  log::info("connection closed: peer={} address={} reason={}", label(remote), remote.address, reason);
}

}  // namespace

Mesh::Mesh(Options options, Time now)
    : connection_limit_(options.connection_limit),
      random_(options.random),
      peers_(checked(std::move(options.self)), options.random),
      surrogates_(kGossipInterval),
      now_(now),
      next_gossip_(now + kGossipInterval),
      news_(options.relay_every, now) {
  add_channel("topology", topology_channel());
}

void Mesh::add_channel(std::string name, Channel channel) {
  channels_[std::move(name)] = std::move(channel);
}

// Whether the connection may be added, in the order and with the words of Weave Net; Close if not.
bool Mesh::admit(ConnectionId id, const Handshake& remote) {
  const auto& self = peers_.self();
  auto refuse = [&](std::string reason, bool never_retry = false) {
    log::info("connection refused: peer={} address={} reason={}", label(remote), remote.address, reason);
    effects_.push_back(Close{id, std::move(reason), never_retry});
    return false;
  };
  if (!remote.name.value || remote.name.value >> 48) return refuse("invalid peer name " + remote.name.str());
  auto shown = fmt::format("{}({})", remote.name.str(), printable(remote.nickname));
  if (remote.name == self.name && remote.uid == self.uid) return refuse("cannot connect to ourself", true);
  // Weave Net never dials such a peer again; here it recovers when one of the two gets another name.
  if (remote.name == self.name)
    return refuse(fmt::format(R"(local "{}" and remote "{}" peer names collision)", self.str(), shown));
  if (!remote.introduces && !peers_.find(remote.name))
    return refuse(fmt::format("Found unknown remote name: {} at {}", remote.name.str(), remote.address));

  if (const auto* old = connections_.find(remote.name)) {
    auto host_of = [](const std::string& address) { return address.substr(0, address.rfind(':')); };
    const auto& other = old->status.remote;
    if (other.uid != remote.uid && host_of(other.address) != host_of(remote.address))
      log::warning("two hosts have the same peer name, give one of them another --name: peer={} address={} other={}",
                   label(remote), remote.address, other.address);
    auto reason = fmt::format("Multiple connections to {} added to {}", shown, self.str());
    auto old_uid = old->status.remote.conn_uid;
    if (remote.conn_uid == old_uid) close(old->status.id, reason);
    if (remote.conn_uid >= old_uid) return refuse(std::move(reason));
    replace(old->status.id, reason);
  }
  if (connection_limit_ && connections_.size() >= connection_limit_)
    return refuse(fmt::format("Connection limit reached ({})", connection_limit_));
  return true;
}

void Mesh::connection_ready(ConnectionId id, Handshake remote, Time now) {
  now_ = std::max(now_, now);
  if (connections_.find(id)) return;
  if (!admit(id, remote)) return apply_changes();
  const auto* known = peers_.find(remote.name);
  bool restarted = known && known->uid != remote.uid;
  bool reachable = routes().next_hop(remote.name, Edges::kEstablished).value != 0;
  if (!peers_.introduce({remote.name, remote.nickname, remote.uid, 0, remote.short_id, {}})) {
    effects_.push_back(Close{id, "too many peers"});
    return apply_changes();
  }
  auto name = remote.name;
  auto& connection = connections_.add(id, std::move(remote), now_);
  const auto& handshake = connection.status.remote;
  peers_.set_link({name, handshake.address, handshake.outbound, false});
  announce(name);
  apply_changes();
  effects_.push_back(Added{id});
  log::info("connection added: peer={} address={} known={}", label(handshake), handshake.address,
            restarted   ? "restarted"
            : reachable ? "yes"
                        : "no");
  if (restarted || !reachable) send_full_state(connection);
}

// A peer that wasn't in the topology gets everything that is known.
void Mesh::send_full_state(Connection& connection) {
  for (const auto& [name, channel] : channels_)
    if (auto data = channel.gossip()) connection.outbox.put_gossip(name, peers_.self().name, std::move(data));
  pump(connection);
}

void Mesh::overlay_established(ConnectionId id, Time now) {
  now_ = std::max(now_, now);
  auto* connection = connections_.find(id);
  if (!connection || connection->status.established) return;
  connection->status.established = true;
  connection->status.since = now_;
  const auto& remote = connection->status.remote;
  peers_.set_link({remote.name, remote.address, remote.outbound, true});
  announce(remote.name);
  apply_changes();
  log::info("connection established: peer={} address={}", label(remote), remote.address);
}

void Mesh::connection_closed(ConnectionId id, std::string_view reason, Time now) {
  now_ = std::max(now_, now);
  if (auto* connection = connections_.find(id)) log_closed(connection->status.remote, reason);
  remove(id);
}

void Mesh::close(ConnectionId id, const std::string& reason) {
  auto* connection = connections_.find(id);
  if (!connection) return;
  log_closed(connection->status.remote, reason);
  effects_.push_back(Close{id, reason});
  remove(id);
}

// Ends a connection whose place another one takes at once. Its link stays meanwhile: without it the peer and
// all peers behind it would be forgotten, with their addresses and names.
void Mesh::replace(ConnectionId id, const std::string& reason) {
  effects_.push_back(Close{id, reason});
  connections_.remove(id);
}

void Mesh::remove(ConnectionId id) {
  auto name = connections_.remove(id);
  if (!name) return;
  peers_.remove_link(*name);
  // At once: no gossip mentions peers that can't be reached.
  peers_.collect();
  announce(*name);
  apply_changes();
}

// This peer and the other one are part of the next topology update.
void Mesh::announce(PeerName peer) {
  news_.announce(peers_.self().name, now_);
  news_.announce(peer, now_);
}

void Mesh::apply_changes() {
  auto changes = peers_.take_changes();
  if (changes.self) announce(peers_.self().name);
  if (changes.short_ids) effects_.push_back(ShortIdsChanged{});
  if (changes.graph) {
    routes_.reset();
    if (!next_routes_) next_routes_ = now_ + kRoutesDelay;
    effects_.push_back(TopologyChanged{});
  }
  if (changes.gone.empty()) return;
  for (const auto& peer : changes.gone) log::info("unreachable peer removed: peer={}", peer.str());
  effects_.push_back(PeersGone{std::move(changes.gone)});
}

const Routes& Mesh::routes() const {
  if (!routes_) routes_ = std::make_unique<Routes>(peers_.table(), peers_.self().name);
  return *routes_;
}

Time Mesh::next_tick() const {
  Time next = next_gossip_;
  for (const auto& timer : {next_collection_, next_routes_})
    if (timer) next = std::min(next, *timer);
  return connections_.next(news_.next(next));
}

void Mesh::tick(Time now) {
  now_ = std::max(now_, now);
  auto due = [this](std::optional<Time>& timer) {
    if (!timer || *timer > now_) return false;
    timer.reset();
    return true;
  };
  auto connections = connections_.due(now_);
  for (auto id : connections.heartbeat)
    if (auto* connection = connections_.find(id)) send(*connection, {static_cast<uint8_t>(Tag::kHeartbeat)});
  for (auto id : connections.silent) close(id, fmt::format("no message for {} s", kReceiveTimeout.count()));
  if (due(next_collection_)) {
    peers_.collect();
    apply_changes();
  }
  if (auto names = news_.take_announcement(now_); !names.empty())
    gossip_except({}, "topology", topology_of(std::move(names)));
  if (news_.relay_due(now_)) relay_news();
  if (next_gossip_ <= now_) {
    next_gossip_ += kGossipInterval;
    if (next_gossip_ <= now_)
      next_gossip_ = now_ + kGossipInterval;  // after a pause of the process, missed rounds are skipped
    for (const auto& [name, channel] : channels_)
      if (auto data = channel.gossip()) gossip_except({}, name, data);
  }
  if (due(next_routes_)) effects_.push_back(RoutesChanged{});
}

Status Mesh::status() const {
  Status status;
  status.self = peers_.self();
  for (const auto& [name, peer] : peers_.table()) status.peers.push_back(peer);
  status.connections = connections();
  status.unicast_routes = routes().unicast(Edges::kEstablished);
  routes().broadcast(status.self.name, Edges::kEstablished);
  status.broadcast_routes = routes().broadcasts(Edges::kEstablished);
  return status;
}

}  // namespace weave::mesh
