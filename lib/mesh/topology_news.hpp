// The topology's changes that are still to be told to neighbours: those of this peer, and those that it received.
#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <set>

#include "mesh/peer.hpp"

namespace weave::mesh {

inline constexpr std::chrono::seconds kUpdateDelay{1};           // from a change of ours to its announcement
inline constexpr std::chrono::milliseconds kRelayInterval{100};  // see Options::relay_every

class TopologyNews {
 public:
  using Names = std::set<PeerName>;

  TopologyNews(std::chrono::milliseconds relay_every, Time now)
      : relay_every_(relay_every), last_relay_(now - relay_every) {}

  // -- Changes of this peer: announced together, kUpdateDelay after the first.

  void announce(PeerName peer, Time now);
  // The peers to announce, when the time has come; empty otherwise.
  Names take_announcement(Time now);

  // -- Changes that were received: passed on at once, but at most every `relay_every`.

  // `changed`: what the message being taken in has changed.
  void received(Names changed) { received_ = std::move(changed); }
  // That message came from `neighbour`. True when something is to be passed on at once.
  bool attribute_to(PeerName neighbour, Time now);
  // Whether the time has come to pass on what waits.
  bool relay_due(Time now) const { return next_relay_ && *next_relay_ <= now; }
  // What waits, by the neighbour that told it last and so needn't be told.
  std::map<PeerName, Names> take_relay(Time now);

  // The time of the next announcement or relay, `latest` at most.
  Time next(Time latest) const;

 private:
  Names to_announce_;
  std::optional<Time> next_announcement_;

  std::chrono::milliseconds relay_every_;
  Names received_;
  std::map<PeerName, PeerName> to_relay_;  // the peer that changed -> the neighbour that told it
  Time last_relay_;
  std::optional<Time> next_relay_;
};

}  // namespace weave::mesh
