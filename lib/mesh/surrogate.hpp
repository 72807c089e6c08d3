// Channels that others use and we don't: we pass their messages on, so that a peer without DNS doesn't cut the names of
// those behind it. Broadcasts and unicasts need no memory. Gossip is passed on unless the same bytes were received
// before.
//
// Source: the mesh library of Weave Net 2.8.1 (revision 58dbcc3), surrogate_gossiper.go.
#pragma once
#include <chrono>
#include <list>
#include <map>
#include <set>
#include <string>

#include "gossip/channel.hpp"
#include "mesh/peer.hpp"

namespace weave::mesh {

using gossip::Gossip;
using gossip::OpaqueData;

class Surrogates {
 public:
  // `remember`: how long a payload counts as seen, at least; it is the gossip interval.
  explicit Surrogates(std::chrono::nanoseconds remember) : remember_(remember) {}

  // Gossip on a channel: what to pass on, or null when it was seen before or it cannot be remembered, because too much
  // is (what is passed on and not remembered would circulate without end).
  Gossip gossip(std::string_view channel, ByteView data, Time now);

  static constexpr size_t kMaxChannels = 64;
  static constexpr size_t kMaxPayloads = 4096;           // of all channels
  static constexpr size_t kMaxBytes = 32 * 1024 * 1024;  // of all channels

  size_t channels() const { return seen_.size(); }
  size_t payloads() const { return ages_.size(); }

 private:
  struct Age {
    std::string channel;
    Bytes data;
    Time since;
  };
  void forget(Time now);

  std::chrono::nanoseconds remember_;
  std::list<Age> ages_;  // oldest first
  std::map<std::string, std::set<Bytes>, std::less<>> seen_;
  size_t bytes_ = 0;
};

}  // namespace weave::mesh
