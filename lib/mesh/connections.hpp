// The connections of this peer, by id and by peer, and the bytes that are on their way on them.
#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mesh/outbox.hpp"
#include "mesh/peer.hpp"

namespace weave::mesh {

inline constexpr std::chrono::seconds kHeartbeatInterval{30};
inline constexpr std::chrono::seconds kReceiveTimeout{60};

// Chosen by the edge, unique for the life of the process.
using ConnectionId = uint64_t;

// The result of a handshake.
struct Handshake {
  PeerName name;
  std::string nickname;
  uint64_t uid = 0;
  std::optional<ShortId> short_id;
  uint64_t conn_uid = 0;  // the XOR of both sides' connection ids: the tie-break
  std::string address;    // "ip:port": dialled when outbound, the remote socket otherwise
  bool outbound = false;
  bool introduces = true;  // may add a peer that isn't known: inbound, or to a target that the user gave
  size_t overlays = 0;     // common overlays; 0: the peer announces none and gets plain sleeve (tags 1 to 3)
};

// A connection of this peer, for the status and the connection maker.
struct ConnectionStatus {
  ConnectionId id = 0;
  Handshake remote;
  bool established = false;
  Time since;          // start of the state that it is in, pending or established
  Time last_received;  // any message
};

struct Connection {
  // `held`: see Outbox.
  Connection(ConnectionId id, Handshake remote, Time now, size_t& held)
      : status{id, std::move(remote), false, now, now}, next_heartbeat(now + kHeartbeatInterval), outbox(held) {}

  ConnectionStatus status;
  Time next_heartbeat;
  Outbox outbox;
  size_t in_flight = 0;  // bytes that were sent and that the kernel hasn't taken yet
};

class Connections {
 public:
  // Bytes in flight on one connection, from which on gossip waits, and unicasts are refused.
  static constexpr size_t kGossipWindow = 64 * 1024;
  static constexpr size_t kUnicastWindow = 4 * 1024 * 1024;
  static constexpr size_t kUnicastWindowOfAll = 128 * 1024 * 1024;

  Connection* find(ConnectionId id);  // null: unknown
  Connection* find(PeerName name);
  // The peer must not have another connection.
  Connection& add(ConnectionId id, Handshake remote, Time now);
  // Returns whose it was; nothing for an unknown one.
  std::optional<PeerName> remove(ConnectionId id);

  void note_sent(Connection& connection, size_t bytes);
  void note_written(Connection& connection);  // all that was sent
  bool congested(const Connection& connection) const;

  // The connections without a message for kReceiveTimeout, and those whose heartbeat is due; the next one is set.
  struct Due {
    std::vector<ConnectionId> silent;
    std::vector<ConnectionId> heartbeat;
  };
  Due due(Time now);
  // The time of the next of these, `latest` at most.
  Time next(Time latest) const;

  size_t size() const { return connections_.size(); }
  std::vector<ConnectionStatus> status() const;
  std::optional<ConnectionStatus> status_of(PeerName name) const;

 private:
  size_t held_ = 0;  // by all outboxes; destroyed after them
  size_t in_flight_ = 0;
  std::map<ConnectionId, Connection> connections_;
  std::map<PeerName, ConnectionId> by_name_;
};

}  // namespace weave::mesh
