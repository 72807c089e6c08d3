// The inside of Node, shared by node.cpp (effects and timers), node_connect.cpp (how connections come to be) and
// node_status.cpp.
#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <set>

#include "node/admission.hpp"
#include "node/node.hpp"

namespace weave::mesh {

struct Node::Impl : std::enable_shared_from_this<Node::Impl> {
  // A connection that has passed its handshake, until it ends.
  struct Session {
    std::shared_ptr<TcpSession> tcp;
    Features theirs;
    bool outbound = false;
    std::string target;  // of the maker; empty when the peer has dialled
    Endpoint remote;     // as dialled, or as seen
    bool encrypted = false;
    std::unique_ptr<overlay::OverlaySwitch> overlays;
    bool established = false;
    std::string overlay;  // in use, when connections_changed was last told
    Time overlay_since = Time::min();
  };
  using Sessions = std::map<ConnectionId, Session>;
  struct Introducing;
  // A peer that dialled us with another password, or with one where we have none, or the other way round.
  struct RefusedPeer {
    std::string reason;
    Time last;
  };
  static constexpr size_t kMostRefused = 16;
  static constexpr std::chrono::minutes kRefusedShown{5};

  Impl(asio::any_io_executor executor, NodeConfig config, NodeHooks hooks);

  // Keeps the reason for the status, if the passwords differ.
  void note_refused(const Ip& ip, const std::string& reason);
  void drop_lost_addresses(const std::function<bool(const Ip& address)>& is_local);
  // The same peer dials from another address while its connection is silent: it has lost the old address, and its end
  // of the connection with it, which TCP would tell after a minute only.
  void replace_silent(const Features& theirs, const Endpoint& remote);

  // -- node.cpp
  void start();
  void stop();
  // Carries out what the state machines want, until they want nothing more, and sets the timer.
  void pump();
  void apply(Send& effect);
  void apply(Close& effect);
  void apply(Added& effect);
  void apply(OverlayMessage& effect);
  void apply(PeersGone& effect);
  void apply(TopologyChanged& effect);
  void apply(RoutesChanged& effect);
  void apply(ShortIdsChanged& effect);
  void collect_overlays();
  // What the overlays get; they need the overlay in use on each connection, too.
  std::shared_ptr<const overlay::Topology> topology() const;
  void set_timer();
  // Has pump() called soon, by the io_context.
  void wake();
  // Takes a session out of the books; its socket is closed.
  void drop(Sessions::iterator session, const std::string& reason, bool never_retry);
  static void notify(std::function<void()> hook);

  // -- node_connect.cpp
  void listen();
  static asio::awaitable<void> accept(std::shared_ptr<Impl> self);
  static asio::awaitable<void> greet(std::shared_ptr<Impl> self, asio::ip::tcp::socket socket);
  void dial_due();
  static asio::awaitable<void> dial(std::shared_ptr<Impl> self, Maker::Attempt attempt);
  asio::awaitable<Result<asio::ip::tcp::socket>> connect_to(Endpoint address);
  // From the connected socket to the connection's end.
  static asio::awaitable<void> converse(std::shared_ptr<Impl> self, std::shared_ptr<TcpSession> tcp, Endpoint remote,
                                        std::optional<Maker::Attempt> attempt);
  std::vector<std::string> overlay_names() const;
  HandshakeConfig handshake_config(const Endpoint& remote, bool initiator);
  uint64_t choose_conn_id(const Features& theirs);
  ConnectionId enter(std::shared_ptr<TcpSession> tcp, Endpoint remote, const std::optional<Maker::Attempt>& attempt,
                     Introduced& introduced);
  std::unique_ptr<overlay::OverlaySwitch> make_overlays(ConnectionId id, const Session& session,
                                                        const std::vector<std::string>& common, uint64_t conn_uid,
                                                        const Secret& key);
  bool trusts(const Ip& ip) const;
  MakerView view() const;

  // -- node_status.cpp
  NodeStatus status() const;
  // False when the peer announces that its connection to us is not established.
  bool established_by(PeerName name) const;

  asio::any_io_executor executor;
  NodeConfig config;
  NodeHooks hooks;
  std::optional<Ip> host;
  Mesh mesh;
  Maker maker;
  asio::ip::tcp::acceptor acceptor;
  asio::steady_timer timer, accept_pause;
  Time timer_at = Time::max();
  AcceptLimiter limiter;
  HandshakeGate gate;
  std::set<asio::ip::tcp::socket*> dialing;
  std::set<std::shared_ptr<TcpSession>> introducing;  // in the handshake
  Sessions sessions;
  std::map<Ip, RefusedPeer> refused;
  ConnectionId last_id = 0;
  uint64_t terminations = 0;
  bool started = false, stopped = false, pumping = false, woken = false;
  bool dial_wanted = false, connections_changed = false, topology_changed = false;  // handled by pump()
};

// 64 random bits that nobody can predict.
uint64_t random_number();

}  // namespace weave::mesh
