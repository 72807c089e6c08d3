// Which peer a MAC is behind, shared by the threads of the data path without locks where it counts.
//
//     bucket (chosen by a keyed hash of the MAC)
//     | mac | mac | mac | mac | mac | mac | mac | mac |        8 words: one cache line to look up
//     | peer, minute | ...                            |        when it was last seen, in minutes
//
// Readers look at a bucket's words; a writer changes an entry by writing its MAC last. Who finds a MAC and its peer,
// and then still the same MAC, has read an entry that was there. Writers exclude one another; they are rare, for a
// known MAC at the same place is only touched once a minute. The table never grows: in a full bucket the entry that was
// seen longest ago is replaced: made-up MACs take no memory and don't keep others from being learnt.
#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "address/mac.hpp"

namespace weave::overlay {

class MacTable {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::minutes kMaxAge{10};

  MacTable();

  // Nothing when it isn't known, or hasn't been seen for ten minutes.
  std::optional<PeerName> find(const Mac& mac, Time now) const;
  // The MAC is behind `peer`, whatever was known. Returns where it was before; nothing when it wasn't known or was
  // there already.
  std::optional<PeerName> learn(const Mac& mac, PeerName peer, Time now);
  // All entries of a peer.
  void forget(PeerName peer);
  // Removes what is too old; to be called at least once a day, for entries count time in 16 bits.
  void expire(Time now);

  struct Entry {
    Mac mac;
    PeerName peer;
    std::chrono::minutes age{0};
  };
  // In no order.
  std::vector<Entry> entries(Time now) const;

 private:
  static constexpr size_t kWays = 8, kBuckets = 2048;
  struct alignas(64) Bucket {
    std::atomic<uint64_t> macs[kWays];   // 0: free
    std::atomic<uint64_t> peers[kWays];  // the peer's name in the upper 48 bits, the minute below
  };
  Bucket& bucket(uint64_t mac) const;
  void remove_if(const std::function<bool(uint64_t peer)>& gone);

  std::unique_ptr<Bucket[]> buckets_;
  uint64_t seed_;
  std::mutex writing_;
};

}  // namespace weave::overlay
