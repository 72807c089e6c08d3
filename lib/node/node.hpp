// A router's part in the mesh, on real sockets: listens, dials, shakes hands, carries messages between the connections
// and the state machines (Mesh, Maker, the overlay switch of each connection), and runs their timers. One io_context,
// one thread.
//
//     sockets ── TcpSession ──▶ Mesh ──▶ channels: topology, IP allocation, names
//        ▲            │           │
//        │            ▼           ▼ Added, OverlayMessage
//      Maker     HandshakeMachine OverlaySwitch ──▶ forwarders of the overlays
//
// Reasons of failures are Weave Net's where it has them.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "address/ipv4.hpp"
#include "base/secret.hpp"
#include "mesh/maker.hpp"
#include "mesh/mesh.hpp"
#include "node/resolver.hpp"
#include "node/session.hpp"
#include "overlay/overlay.hpp"
#include "overlay/switch.hpp"

namespace weave::mesh {

struct NodeConfig {
  PeerName name;         // not 0
  std::string nickname;  // usually the host's name
  uint16_t port = 6783;  // TCP; 0: any (for tests)
  std::string host;      // IP address to listen on and to dial from; empty: all
  Secret password;       // empty: no encryption
  std::vector<Cidr> trusted_subnets;
  int min_version = 2;                          // of the protocol, 1..2; with a password always 2
  size_t conn_limit = kDefaultConnectionLimit;  // 0: none
  bool discovery = true;
  // In order of preference, the fast datapath before sleeve. They must outlive the node, and get its topology.
  std::vector<overlay::Overlay*> overlays;
  // The short ID wanted, used if no other peer has it: that of the router before, under which frames still flow.
  // Nothing: any.
  std::optional<ShortId> short_id;
  ResolverConfig resolver;
  SessionLimits limits;
};

// What the rest of the router takes part in; each may be empty. Called on the io_context, never from within a call to
// Node, except for channels.
struct NodeHooks {
  std::function<void(const std::vector<Peer>&)> peers_gone;
  // Our own short ID or one of a peer.
  std::function<void()> short_ids_changed;
  // A connection is established or gone, or uses another overlay.
  std::function<void()> connections_changed;
};

// A connection, or a target without one, as `weave status connections` shows it.
struct ConnectionRow {
  std::string address;
  bool outbound = false;
  std::string state;     // established, pending; of targets: failed, waiting, connecting, retrying
  PeerName peer;         // 0 for targets
  std::string nickname;  // printable
  std::string overlay;   // in use; empty: none
  std::optional<uint16_t> mtu;
  bool encrypted = false;                       // the overlay is, too
  std::chrono::system_clock::time_point since;  // when it got this state and overlay; of connections only
  std::string reason;  // why it isn't established, or not on the first overlay; or what is amiss with that
  std::optional<std::chrono::system_clock::time_point> retry_at;  // of targets
  std::vector<overlay::OverlaySwitch::Row> overlays;              // of connections
};

struct NodeStatus {
  Status mesh;
  std::vector<ConnectionRow> connections;  // live ones first, then targets
  uint64_t terminations = 0;               // ends of connections and failed handshakes since the start
  std::vector<std::string> targets;        // what the user named
  bool encryption = false, discovery = true;
  int min_version = 2, max_version = 2;
  uint16_t port = 0;
  std::vector<std::string> trusted_subnets;
};

class Node {
 public:
  // Throws Error for a configuration that can't be.
  Node(asio::any_io_executor executor, NodeConfig config, NodeHooks hooks = {});
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Before start(). The channel's functions may call back into Node.
  void add_channel(const std::string& name, Channel channel);

  // Listens and begins to dial. Throws Error when the ports aren't free.
  void start();
  // Closes everything; nothing is called any more. For good.
  void stop();

  // As Maker::connect: the reasons for names that can't be used.
  std::vector<std::string> connect(const std::vector<std::string>& names, bool replace = false);
  void forget(const std::vector<std::string>& names);
  std::vector<std::string> targets(bool active_only = false) const;

  // As Mesh has them.
  Result<void> unicast(std::string_view channel, PeerName to, ByteView data);
  void broadcast(const std::string& channel, Gossip data);
  void gossip(const std::string& channel, Gossip data);

  // Closes the connections whose local address this host has no longer, which can carry nothing; they are dialled
  // again.
  void drop_lost_addresses(const std::function<bool(const Ip& address)>& is_local);

  const Mesh& mesh() const;
  NodeStatus status() const;
  // The TCP port listened on.
  uint16_t port() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace weave::mesh
