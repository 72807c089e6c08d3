// The mesh as one peer sees it: a state machine. The edge (sockets, handshake, encryption, timers) tells it what has
// happened, with the time, and then carries out what it wants done:
//
//   edge ── connection_ready, message, writable, connection_closed, overlay_established, tick ──▶ Mesh
//        ◀── take(): Send, Close, Added, OverlayMessage, PeersGone, TopologyChanged, ... ───────
//
// A connection is added once its handshake is through. Then both sides exchange complete gossip if they were strangers,
// then only news: changes go to a few random neighbours and are passed on by those to whom they are new; every half
// minute the complete state goes to a few, which repairs what got lost. Broadcasts and unicasts follow routes that all
// peers compute alike from the topology.
//
// After each call take() must be called, and tick() at next_tick().
#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gossip/channel.hpp"
#include "mesh/connections.hpp"
#include "mesh/envelope.hpp"
#include "mesh/gossip_counts.hpp"
#include "mesh/peers.hpp"
#include "mesh/routes.hpp"
#include "mesh/surrogate.hpp"
#include "mesh/topology_news.hpp"

namespace weave::mesh {

using gossip::Channel;
using gossip::Gossip;
using gossip::GossipData;
using gossip::OpaqueData;

inline constexpr std::chrono::seconds kGossipInterval{30};
inline constexpr std::chrono::seconds kCollectDelay{1};  // from topology gossip to the removal of unreachable peers
inline constexpr std::chrono::milliseconds kRoutesDelay{100};  // route changes within it are reported as one
inline constexpr size_t kDefaultConnectionLimit = 200;

struct Options {
  Peer self;  // name, nickname, uid (not 0), short id; version and links are the mesh's business
  size_t connection_limit = kDefaultConnectionLimit;  // 0: none
  Random random;
  // News of the topology is passed on at once, but what comes within this time after that goes out together at its end:
  // when many peers connect, most of it has by then been overtaken. 0: as Weave Net does, each by itself.
  std::chrono::milliseconds relay_every = kRelayInterval;
};

// Effects. Order matters only within a connection.

struct Send {  // a whole message: tag and payload; framing and encryption are the edge's
  ConnectionId connection;
  Bytes message;
};
struct Close {  // the mesh has forgotten the connection already; connection_closed() isn't needed
  ConnectionId connection;
  std::string reason;
  bool never_retry = false;  // it's ourself, or somebody with our name
};
struct Added {  // the handshake's connection is in: confirm its overlay, tell the connection maker
  ConnectionId connection;
};
struct OverlayMessage {  // for the overlay of the connection: tag 7, at least index and inner tag; or tags 1 to 3
  ConnectionId connection;
  Tag tag;
  Bytes payload;
};
struct PeersGone {  // out of reach for good: IP allocation, names and the MAC cache forget them
  std::vector<Peer> peers;
};
struct TopologyChanged {};  // peers or connections: wake the connection maker
struct RoutesChanged {};    // the data plane drops what it derived from routes
struct ShortIdsChanged {};  // an id means another peer: the fast datapath drops its flows
using Effect =
    std::variant<Send, Close, Added, OverlayMessage, PeersGone, TopologyChanged, RoutesChanged, ShortIdsChanged>;

// Everything about the mesh that the report shows.
struct Status {
  Peer self;
  std::vector<Peer> peers;  // ascending by name, with ourself
  std::vector<ConnectionStatus> connections;
  std::map<PeerName, PeerName> unicast_routes;                 // data; ourself via 0
  std::map<PeerName, std::vector<PeerName>> broadcast_routes;  // data; at least our own
};

class Mesh {
 public:
  // Throws Error when `self` has no name or uid.
  Mesh(Options options, Time now);
  Mesh(const Mesh&) = delete;
  Mesh& operator=(const Mesh&) = delete;

  // A channel of this router; to be added before the first connection.
  void add_channel(std::string name, Channel channel);

  // -- What happens. Unknown connections are ignored: they may just have been closed from here.

  // A handshake is through. Answers with Added or with Close.
  void connection_ready(ConnectionId id, Handshake remote, Time now);
  // A message came in: tag and payload. May be empty.
  void message(ConnectionId id, ByteView bytes, Time now);
  // Data flows on the connection in both directions, says its overlay.
  void overlay_established(ConnectionId id, Time now);
  // Everything that was to be sent on the connection has gone to the kernel. Until then only little more is sent.
  void writable(ConnectionId id, Time now);
  // The connection has ended.
  void connection_closed(ConnectionId id, std::string_view reason, Time now);
  // The time has come that next_tick() names, or later.
  void tick(Time now);
  Time next_tick() const;

  std::vector<Effect> take() { return std::exchange(effects_, {}); }

  // -- What this router wants.

  // To one peer, over as many hops as it takes. Refused when there is no way, or its first connection is congested.
  Result<void> unicast(std::string_view channel, PeerName to, ByteView data, Time now);
  // To all peers that can be reached.
  void broadcast(const std::string& channel, Gossip data, Time now);
  // News of ours, to a few neighbours that pass it on.
  void gossip(const std::string& channel, Gossip data, Time now);
  // An overlay's control message. False, and nothing sent, when it would crash an old peer: shorter than index and
  // inner tag, an index that isn't common, a tag that doesn't belong to this connection.
  bool overlay_send(ConnectionId id, Tag tag, ByteView payload, Time now);

  // -- What is known.

  const Peers& peers() const { return peers_; }
  // Whose message is being taken in: the neighbour that sent it, for the functions of a channel. 0 at other times.
  PeerName speaker() const { return speaker_; }
  const Routes& routes() const;
  std::vector<ConnectionStatus> connections() const { return connections_.status(); }
  // The connection to a peer; nothing when there is none.
  std::optional<ConnectionStatus> connection_to(PeerName name) const { return connections_.status_of(name); }
  Status status() const;
  // Messages since the start, relayed ones included.
  const GossipCountsByChannel& gossip_counts() const { return gossip_counts_; }

  static constexpr size_t kMaxChannelName = 255;

 private:
  bool admit(ConnectionId id, const Handshake& remote);
  void send_full_state(Connection& connection);
  void replace(ConnectionId id, const std::string& reason);
  void remove(ConnectionId id);
  void close(ConnectionId id, const std::string& reason);

  void receive_gossip(ConnectionId id, PeerName from, const Envelope& envelope);
  void receive_broadcast(ConnectionId id, const Envelope& envelope);
  void receive_unicast(ConnectionId id, PeerName from, const Envelope& envelope, ByteView message);
  void receive_overlay(const Connection& connection, Tag tag, ByteView payload);

  void send(Connection& connection, Bytes message);
  void pump(Connection& connection);
  void gossip_except(PeerName except, const std::string& channel, const Gossip& data);
  void broadcast_from(PeerName source, const std::string& channel, const Gossip& data);
  GossipCounts& count(std::string_view channel);

  Channel topology_channel();
  Gossip topology_of(std::set<PeerName> names) const;
  void announce(PeerName peer);
  void relay_news();
  void apply_changes();

  size_t connection_limit_;
  Random random_;
  Peers peers_;
  mutable std::unique_ptr<Routes> routes_;  // null: stale
  Connections connections_;
  std::map<std::string, Channel, std::less<>> channels_;
  Surrogates surrogates_;
  std::vector<Effect> effects_;

  PeerName speaker_;
  Time now_;
  Time next_gossip_;
  std::optional<Time> next_collection_, next_routes_;
  TopologyNews news_;
  GossipCountsByChannel gossip_counts_;
};

}  // namespace weave::mesh
