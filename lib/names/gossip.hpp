// The names' database as a channel of the mesh, "nameserver": what comes from other peers goes into the database, what
// is new goes on to further peers and to the DNS server, and what changes here is broadcast.
//
//     Registrar ── changed here ──▶ publish() ──────────────▶ hooks.broadcast ──▶ mesh
//                                      │
//     mesh ── on_gossip, on_broadcast ─┴─▶ Database::receive ─▶ hooks.changed ──▶ DNS server
//          ── peers gone ──▶ peer_gone() ─────────────────────▶ hooks.erased
//
// A message is judged by the clock of its sender. One that is more than a quarter of an hour off is dropped, logged and
// remembered for the status. Weave Net closes the connection for it, which costs the containers their network; so do
// messages that can't be decoded, which here are dropped as well.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "gossip/channel.hpp"
#include "names/message.hpp"
#include "names/names.hpp"

namespace weave::names {

inline constexpr const char* kChannelName = "nameserver";

// What the channel needs of the router.
struct GossipHooks {
  std::function<int64_t()> now;         // unix seconds
  std::function<bool(PeerName)> known;  // whether the topology has a peer; it has ourself
  std::function<void(gossip::Gossip)>
      broadcast;  // to all peers, on this channel; may be called from within the channel
  // May be empty:
  std::function<void(const Entries&)> changed;  // new or changed entries of any peer, tombstones included
  std::function<void(const Entries&)> erased;   // entries that are gone without a tombstone
  std::function<PeerName()> neighbour;          // whose gossip is being taken in just now; 0: not known
};

// A peer whose clock differs too much from ours for us to exchange names.
struct Skew {
  PeerName peer;        // 0: a neighbour, but which one isn't known
  int64_t seconds = 0;  // its clock less ours
  int64_t seen = 0;     // unix seconds, of the last such message
};

// For the status: counters since the start, and the skews of late.
struct GossipStatus {
  uint64_t received = 0;   // messages, those that were dropped included
  uint64_t malformed = 0;  // dropped: can't be decoded
  uint64_t skewed = 0;     // dropped: a clock is wrong
  std::vector<Skew> skews;
};

class Gossiper {
 public:
  // The database must outlive the gossiper, and both the mesh, which may hold gossip until its end.
  Gossiper(Database& database, GossipHooks hooks);
  Gossiper(const Gossiper&) = delete;
  Gossiper& operator=(const Gossiper&) = delete;

  // The channel, to be added to the mesh under channel_name. It refers to this object.
  gossip::Channel channel();

  // Tells everybody about entries of ours, as the database's add, remove and container_died return them.
  void publish(const Entries& entries);
  // Forgets the entries of a peer that the mesh has forgotten.
  void peer_gone(PeerName peer);

  GossipStatus status() const;

 private:
  struct Seen : Skew {
    int64_t logged = 0;
  };
  struct Taken {
    int64_t timestamp = 0;
    Received received;
  };
  std::optional<Taken> take_in(PeerName from, ByteView data);
  void note_skew(PeerName peer, int64_t seconds, int64_t now);

  Database& database_;
  GossipHooks hooks_;
  uint64_t received_ = 0, malformed_ = 0, skewed_ = 0;
  std::map<PeerName, Seen> skews_;
  int64_t malformed_logged_ = 0;
};

// Gossip that carries some entries. Takes up to about max_held bytes when it is merged with others.
gossip::Gossip update(const Database& database, const std::function<int64_t()>& now, int64_t timestamp,
                      Entries entries);
// Gossip that says all that the database holds when it is sent.
gossip::Gossip whole_state(const Database& database, const std::function<int64_t()>& now);

// What waits for one busy connection; more becomes "everything", which costs no memory until it is sent.
inline constexpr size_t kMaxUpdate = 4 * 1024 * 1024;  // bytes
// What goes into one message. Weave Net sends everything in one, and can't when that is more than 10 MB.
inline constexpr size_t kMaxPayload = 1024 * 1024;  // bytes, about

}  // namespace weave::names
