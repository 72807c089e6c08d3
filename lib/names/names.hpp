// The names' database: every peer's registrations, kept alike on all peers by gossip.
//
// Each peer owns the entries whose origin it is, and only it changes them. A removal leaves a tombstone with a higher
// version, so that an older live copy that still travels can't bring the entry back; tombstones are collected after
// half an hour. The database is pure: it takes the time (unix seconds) and returns what has changed, for the caller to
// broadcast and to hand to the DNS server.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "names/entry.hpp"
#include "names/index.hpp"

namespace weave::names {

inline constexpr int64_t kTombstoneLife = 1800;               // seconds; run collect() this often, too
inline constexpr int64_t kMaxClockSkew = kTombstoneLife / 2;  // seconds between a message's timestamp and our clock
inline constexpr size_t kMaxEntriesPerPeer = 65536;           // from gossip; more are dropped
inline constexpr size_t kMaxEntries = 1024 * 1024;            // of all peers; beyond it only our own are taken
inline constexpr size_t kMaxGossipText = 1024;                // bytes of a hostname or container id from gossip

// How far another clock is ahead of ours, in seconds; negative: behind. Any two numbers may be compared.
int64_t clock_skew(int64_t timestamp, int64_t now);

// What has to be done after gossip came in. All lists are fit to be sent (see for_sending).
struct Received {
  Entries changed;     // new or changed by the message: hand on after periodic gossip (timestamp = now) if not empty
  Entries relay;       // the message without unknown peers, corrected: hand on after a broadcast (its own timestamp)
  Entries overridden;  // entries of ours that others had wrong: broadcast if not empty (timestamp = now)
};

// Criteria of a removal; what isn't given matches everything.
struct Which {
  std::optional<std::string> hostname;  // case and trailing dot don't matter
  std::optional<std::string> container;
  std::optional<Ipv4> address;
};

class Database {
 public:
  // `domain` with or without trailing dot ("weave.local.").
  Database(PeerName self, std::string_view domain);

  // Registers a name of ours; the trailing dot may be missing. Returns the entry, to be broadcast even if it was there
  // before; or the reason why the name is refused.
  Result<Entries> add(std::string_view hostname, std::string_view container, Ipv4 address, bool by_hand = false);

  // Tombstones our live entries that match; returns them.
  Entries remove(const Which& which, int64_t now);
  Entries container_died(std::string_view container, int64_t now);

  // Forgets all entries of a peer that the mesh has forgotten; returns the live ones. Not to be broadcast.
  Entries peer_gone(PeerName peer);

  // Forgets old tombstones; returns how many. Not to be broadcast.
  size_t collect(int64_t now);

  // Takes in gossip, whether broadcast or periodic. `known` says whether the topology has a peer. Refuses the whole
  // message when `timestamp` is more than max_clock_skew away from `now`.
  Result<Received> receive(const Entries& incoming, int64_t timestamp, int64_t now,
                           const std::function<bool(PeerName)>& known);

  // Everything, tombstones included, fit to be sent as periodic gossip.
  Entries gossip() const;
  // Everything, tombstones included, in state order: lower-cased hostname, origin, container, address.
  Entries entries() const;
  // Those of this peer that live, in state order.
  Entries own_live_entries() const;
  // The live addresses of a name (any case, trailing dot optional) in state order.
  std::vector<Ipv4> lookup(std::string_view name) const;
  // The live name of an address, first in state order.
  std::optional<std::string> reverse(Ipv4 address) const;
  // Live entries: those that the DNS server uses.
  const Index& index() const { return index_; }

  size_t live() const;      // live entries of all peers
  size_t own_live() const;  // live entries of this peer
  // Rises with every change.
  uint64_t revision() const { return revision_; }
  PeerName self() const { return self_; }
  const std::string& domain() const { return domain_; }  // lower case, with trailing dot

 private:
  using Key = std::tuple<std::string, PeerName, std::string, Ipv4>;
  Key key(const Entry& entry) const;
  bool merge(const Entry& entry);

  PeerName self_;
  std::string domain_;
  std::map<Key, Entry> entries_;
  std::unordered_map<PeerName, size_t> per_peer_;
  Index index_;
  uint64_t revision_ = 0;
};

}  // namespace weave::names
