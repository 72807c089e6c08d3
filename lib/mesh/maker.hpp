// The connection maker: which routers are dialled, and when.
//
// Targets are the routers that the user named ("direct") and, with discovery, those that gossip says others are
// connected to. Each is in one of these states:
//
//      waiting ──due──▶ attempting ──▶ connected
//         ▲  ▲              │ failed       │ ended
//         │  └──────────────┴──────────────┘        after a time that grows with each failure in a row
//         ▼
//     suspended: not wanted now, because its peer is connected otherwise        never: it is this peer
//
// Weave Net forgets who answered at an address. Two of its routers that name each other with ports dial each other for
// ever, and each new connection may end the one that works. Here a target remembers its peer, and rests while that one
// is connected, whichever side dialled.
//
// Time and chance are arguments; nothing here opens a socket or asks DNS. Names are resolved anew at each attempt.
//
// Source: the mesh library of Weave Net 2.8.1 (revision 58dbcc3), connection_maker.go.
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "mesh/endpoint.hpp"
#include "mesh/peer.hpp"

namespace weave::mesh {

struct MakerConfig {
  uint16_t port = 6783;        // ours, and that of targets named without one
  bool discovery = true;       // dial routers that only gossip told us of
  size_t conn_limit = 200;     // connections in all, of both directions; 0: any number
  size_t max_attempts = 16;    // at the same time
  bool dial_loopback = false;  // whether loopback addresses from gossip are dialled: only if we are on one ourselves
};

// What else is going on.
struct MakerView {
  struct Connection {
    PeerName peer;
    Endpoint remote;  // as dialled, or as seen when the peer has dialled
    bool outbound = false;
  };
  std::vector<Connection> connections;  // those that have passed the handshake
  PeerName self;
  const std::map<PeerName, Peer>* known = nullptr;  // the table of peers; null: nobody
  std::vector<Endpoint> own;                        // our own, never to be dialled for gossip's sake
};

class Maker {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;
  // A number of 0 <= x < 1.
  using Chance = std::function<double()>;

  Maker(MakerConfig config, Chance chance) : config_(config), chance_(std::move(chance)) {}

  // Adds routers that the user names, or tries them at once if they are there. `replace`: forgets the others first.
  // Returns what is wrong with those that can't be used; the good ones are added nevertheless.
  std::vector<std::string> connect(const std::vector<std::string>& names, bool replace, Time now);
  // Connections that are up stay so.
  void forget(const std::vector<std::string>& names);
  // What the user named, in his order and words. `active_only`: without those that are never tried again.
  std::vector<std::string> targets(bool active_only = false) const;
  void set_discovery(bool on) { config_.discovery = on; }
  // Before the first connect().
  void set_port(uint16_t port) { config_.port = port; }

  struct Attempt {
    std::string target;  // to be named when its fate is reported
    std::string host;    // to be resolved, unless it is an address
    std::optional<Endpoint> address;
    bool direct = false;  // it may introduce a peer that nobody knows
  };
  // What to dial now. To be called after every change and at next_wake().
  std::vector<Attempt> update(const MakerView& view, Time now);
  Time next_wake() const;

  // The attempt's name stands for these addresses (at most 8 are used). Returns those worth dialling, one after the
  // other; none: the attempt is over, because its peer is connected already.
  std::vector<Endpoint> resolved(const std::string& target, const std::vector<Ip>& addresses, Time now);
  // Who answered the handshake, whether or not it becomes a connection.
  void answered(const std::string& target, PeerName peer);
  // The connection is one of ours now.
  void connected(const std::string& target);
  // The attempt has failed, or the connection has ended.
  void ended(const std::string& target, const std::string& reason, Time now);
  // As ended(), and the address is not dialled again: this peer itself answered there. A name that stands for
  // others, too, is tried with those.
  void ended_for_good(const std::string& target, const Endpoint& address, const std::string& reason, Time now);

  // A target without connection, as `weave status connections` shows it.
  struct Row {
    std::string address;        // as dialled; a name with its port
    std::string state;          // failed, waiting, connecting or retrying, as in Weave Net
    std::string reason;         // why there is no connection; empty when it hasn't been tried
    std::optional<Time> retry;  // the next attempt; nothing while one is under way, or when there will be none
    bool never = false;         // it won't be tried again
    bool direct = false;
  };
  std::vector<Row> rows() const;

 private:
  enum class State { kWaiting, kAttempting, kConnected, kSuspended, kNever };
  struct Target {
    std::string host;
    uint16_t port = 0;
    std::optional<Endpoint> address;  // when the host isn't a name
    bool direct = false, port_given = false;
    State state = State::kWaiting;
    Time next{};  // of the next attempt; of the last one while that is under way
    Duration interval{};
    std::string reason;
    bool tried = false;
    std::optional<PeerName> peer;      // who answered there last
    std::vector<Endpoint> addresses;   // what the name stood for last
    std::set<Endpoint> own_addresses;  // of those: this peer answered there
  };
  bool wanted(const Target& target) const;
  bool owns(const Target& target, const Endpoint& address) const;
  void discover(const MakerView& view, std::set<std::string>& found, Time now);
  bool may_dial(const Endpoint& address, const MakerView& view) const;
  std::string key_of(const TargetName& name) const;
  void mark_direct();
  void retry_at_once(Target& target, Time now);

  MakerConfig config_;
  Chance chance_;
  std::vector<std::pair<std::string, TargetName>> direct_;  // in the user's words
  std::map<std::string, Target> targets_;
  // As of the last update.
  std::set<PeerName> connected_peers_;
  std::set<Endpoint> connected_addresses_;
  std::set<Ip> inbound_;
};

}  // namespace weave::mesh
