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
  return fmt::format("->[{}|{}({})]", remote.address, remote.name.str(), printable(remote.nickname));
}

}  // namespace

Mesh::Connection::Connection(ConnectionId connection, Handshake handshake, Time now, size_t& held)
    : status{connection, std::move(handshake), false, now, now},
      next_heartbeat(now + kHeartbeatInterval),
      outbox(held) {}

Mesh::Mesh(Options options, Time now)
    : connection_limit_(options.connection_limit),
      random_(options.random),
      peers_(checked(std::move(options.self)), options.random),
      surrogates_(kGossipInterval),
      now_(now),
      next_gossip_(now + kGossipInterval),
      relay_every_(options.relay_every),
      last_relay_(now - options.relay_every) {
  add_channel("topology", topology_channel());
}

void Mesh::add_channel(std::string name, Channel channel) {
  channels_[std::move(name)] = std::move(channel);
}

Mesh::Connection* Mesh::find(ConnectionId id) {
  auto at = connections_.find(id);
  return at == connections_.end() ? nullptr : &at->second;
}

Mesh::Connection* Mesh::find(PeerName name) {
  auto at = by_name_.find(name);
  return at == by_name_.end() ? nullptr : find(at->second);
}

// Whether the connection may be added, in the order and with the words of Weave Net; Close if not.
bool Mesh::admit(ConnectionId id, const Handshake& remote) {
  const auto& self = peers_.self();
  auto refuse = [&](std::string reason, bool never_retry = false) {
    log::info("{}: connection refused: {}", label(remote), reason);
    effects_.push_back(Close{id, std::move(reason), never_retry});
    return false;
  };
  if (!remote.name.value || remote.name.value >> 48) return refuse("invalid peer name " + remote.name.str());
  auto shown = fmt::format("{}({})", remote.name.str(), printable(remote.nickname));
  if (remote.name == self.name && remote.uid == self.uid) return refuse("cannot connect to ourself", true);
  if (remote.name == self.name)
    return refuse(fmt::format(R"(local "{}" and remote "{}" peer names collision)", self.str(), shown), true);
  if (!remote.introduces && !peers_.find(remote.name))
    return refuse(fmt::format("Found unknown remote name: {} at {}", remote.name.str(), remote.address));

  if (const auto* old = find(remote.name)) {
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
  if (find(id)) return;
  if (!admit(id, remote)) return apply_changes();
  const auto* known = peers_.find(remote.name);
  bool restarted = known && known->uid != remote.uid;
  bool reachable = routes().next_hop(remote.name, Edges::kEstablished).value != 0;
  if (!peers_.introduce({remote.name, remote.nickname, remote.uid, 0, remote.short_id, {}})) {
    effects_.push_back(Close{id, "too many peers"});
    return apply_changes();
  }
  auto name = remote.name;
  auto& connection = connections_.try_emplace(id, id, std::move(remote), now_, held_).first->second;
  by_name_[name] = id;
  const auto& handshake = connection.status.remote;
  peers_.set_link({name, handshake.address, handshake.outbound, false});
  announce(name);
  apply_changes();
  effects_.push_back(Added{id});
  log::info("{}: connection added{}", label(handshake),
            restarted   ? " (restarted peer)"
            : reachable ? ""
                        : " (new peer)");
  if (restarted || !reachable) greet(connection);
}

// A stranger gets everything that we know.
void Mesh::greet(Connection& connection) {
  for (const auto& [name, channel] : channels_)
    if (auto data = channel.gossip()) connection.outbox.put_gossip(name, peers_.self().name, std::move(data));
  pump(connection);
}

void Mesh::overlay_established(ConnectionId id, Time now) {
  now_ = std::max(now_, now);
  auto* connection = find(id);
  if (!connection || connection->status.established) return;
  connection->status.established = true;
  connection->status.since = now_;
  const auto& remote = connection->status.remote;
  peers_.set_link({remote.name, remote.address, remote.outbound, true});
  announce(remote.name);
  apply_changes();
  log::info("{}: connection fully established", label(remote));
}

void Mesh::connection_closed(ConnectionId id, std::string_view reason, Time now) {
  now_ = std::max(now_, now);
  if (auto* connection = find(id))
    log::info("{}: connection shutting down due to error: {}", label(connection->status.remote), reason);
  remove(id);
}

void Mesh::close(ConnectionId id, const std::string& reason) {
  auto* connection = find(id);
  if (!connection) return;
  log::info("{}: connection shutting down due to error: {}", label(connection->status.remote), reason);
  effects_.push_back(Close{id, reason});
  remove(id);
}

// Ends a connection whose place another one takes at once. Its link stays meanwhile: without it we would forget the
// peer and everybody behind it, with their addresses and names.
void Mesh::replace(ConnectionId id, const std::string& reason) {
  effects_.push_back(Close{id, reason});
  forget(id);
}

// Takes a connection out of our books; answers whose it was.
PeerName Mesh::forget(ConnectionId id) {
  auto at = connections_.find(id);
  auto name = at->second.status.remote.name;
  in_flight_ -= at->second.in_flight;
  connections_.erase(at);
  by_name_.erase(name);
  return name;
}

void Mesh::remove(ConnectionId id) {
  if (!connections_.contains(id)) return;
  auto name = forget(id);
  peers_.remove_link(name);
  // At once, so that we never gossip about peers that we don't reach.
  peers_.collect();
  announce(name);
  apply_changes();
}

// Ourself and that peer go out in the next topology update.
void Mesh::announce(PeerName peer) {
  to_announce_.insert(peers_.self().name);
  to_announce_.insert(peer);
  if (!next_announcement_) next_announcement_ = now_ + kUpdateDelay;
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
  for (const auto& peer : changes.gone) log::info("Removed unreachable peer {}", peer.str());
  effects_.push_back(PeersGone{std::move(changes.gone)});
}

const Routes& Mesh::routes() const {
  if (!routes_) routes_ = std::make_unique<Routes>(peers_.table(), peers_.self().name);
  return *routes_;
}

Time Mesh::next_tick() const {
  Time next = next_gossip_;
  for (const auto& timer : {next_announcement_, next_collection_, next_routes_, next_relay_})
    if (timer) next = std::min(next, *timer);
  for (const auto& [id, connection] : connections_)
    next = std::min({next, connection.next_heartbeat, connection.status.last_received + kReceiveTimeout});
  return next;
}

void Mesh::tick(Time now) {
  now_ = std::max(now_, now);
  auto due = [this](std::optional<Time>& timer) {
    if (!timer || *timer > now_) return false;
    timer.reset();
    return true;
  };
  std::vector<ConnectionId> silent;
  for (auto& [id, connection] : connections_) {
    if (connection.status.last_received + kReceiveTimeout <= now_) {
      silent.push_back(id);
    } else if (connection.next_heartbeat <= now_) {
      connection.next_heartbeat = now_ + kHeartbeatInterval;
      // Bytes that wait to be written are as good a sign of life.
      if (connection.in_flight < kGossipWindow) send(connection, {static_cast<uint8_t>(Tag::kHeartbeat)});
    }
  }
  for (auto id : silent) close(id, fmt::format("no message for {} s", kReceiveTimeout.count()));
  if (due(next_collection_)) {
    peers_.collect();
    apply_changes();
  }
  if (due(next_announcement_)) {
    auto names = std::exchange(to_announce_, {});
    gossip_except({}, "topology", topology_of(std::move(names)));
  }
  if (due(next_relay_)) flush_relay();
  if (next_gossip_ <= now_) {
    next_gossip_ += kGossipInterval;
    if (next_gossip_ <= now_) next_gossip_ = now_ + kGossipInterval;  // we slept; don't make up for it
    for (const auto& [name, channel] : channels_)
      if (auto data = channel.gossip()) gossip_except({}, name, data);
  }
  if (due(next_routes_)) effects_.push_back(RoutesChanged{});
}

std::vector<ConnectionStatus> Mesh::connections() const {
  std::vector<ConnectionStatus> list;
  for (const auto& [id, connection] : connections_) list.push_back(connection.status);
  return list;
}

std::optional<ConnectionStatus> Mesh::connection_to(PeerName name) const {
  auto at = by_name_.find(name);
  if (at == by_name_.end()) return std::nullopt;
  return connections_.at(at->second).status;
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
