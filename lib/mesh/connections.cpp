#include "mesh/connections.hpp"

#include <algorithm>
#include <utility>

namespace weave::mesh {

Connection* Connections::find(ConnectionId id) {
  auto at = connections_.find(id);
  return at == connections_.end() ? nullptr : &at->second;
}

Connection* Connections::find(PeerName name) {
  auto at = by_name_.find(name);
  return at == by_name_.end() ? nullptr : find(at->second);
}

Connection& Connections::add(ConnectionId id, Handshake remote, Time now) {
  by_name_[remote.name] = id;
  return connections_.try_emplace(id, id, std::move(remote), now, held_).first->second;
}

std::optional<PeerName> Connections::remove(ConnectionId id) {
  auto at = connections_.find(id);
  if (at == connections_.end()) return std::nullopt;
  auto name = at->second.status.remote.name;
  in_flight_ -= at->second.in_flight;
  connections_.erase(at);
  by_name_.erase(name);
  return name;
}

void Connections::note_sent(Connection& connection, size_t bytes) {
  connection.in_flight += bytes;
  in_flight_ += bytes;
}

void Connections::note_written(Connection& connection) {
  in_flight_ -= std::exchange(connection.in_flight, 0);
}

bool Connections::congested(const Connection& connection) const {
  return connection.in_flight > kUnicastWindow || in_flight_ > kUnicastWindowOfAll;
}

Connections::Due Connections::due(Time now) {
  Due due;
  for (auto& [id, connection] : connections_) {
    if (connection.status.last_received + kReceiveTimeout <= now) {
      due.silent.push_back(id);
    } else if (connection.next_heartbeat <= now) {
      connection.next_heartbeat = now + kHeartbeatInterval;
      // Bytes that wait to be written are a sign of life as well.
      if (connection.in_flight < kGossipWindow) due.heartbeat.push_back(id);
    }
  }
  return due;
}

Time Connections::next(Time latest) const {
  for (const auto& [id, connection] : connections_)
    latest = std::min({latest, connection.next_heartbeat, connection.status.last_received + kReceiveTimeout});
  return latest;
}

std::vector<ConnectionStatus> Connections::status() const {
  std::vector<ConnectionStatus> list;
  for (const auto& [id, connection] : connections_) list.push_back(connection.status);
  return list;
}

std::optional<ConnectionStatus> Connections::status_of(PeerName name) const {
  auto at = by_name_.find(name);
  if (at == by_name_.end()) return std::nullopt;
  return connections_.at(at->second).status;
}

}  // namespace weave::mesh
