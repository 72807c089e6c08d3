// How many peers are let in before the handshake: at what rate connections are accepted, and how many may be in the
// handshake at a time.
#pragma once
#include <algorithm>
#include <chrono>
#include <map>

#include "mesh/endpoint.hpp"

namespace weave::mesh {

// A bucket of tokens, one for each connection accepted, refilled at a steady rate (Weave Net's: 20, one per 50 ms).
class AcceptLimiter {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Takes a token; answers when it may be used: now, or later when the bucket is empty.
  Time take(Time now) {
    // The instant at which the bucket would be full again says how full it is.
    full_at_ = std::max(full_at_, now) + kInterval;
    return std::max(now, full_at_ - kInterval * kTokens);
  }

  static constexpr int kTokens = 20;
  static constexpr std::chrono::milliseconds kInterval{50};

 private:
  Time full_at_{};
};

// Handshakes in progress that others have begun.
class HandshakeGate {
 public:
  // False when there are too many already, in all or from this address. Otherwise leave() must follow.
  bool enter(const Ip& from) {
    if (all_ >= kMaxAll) return false;
    auto& count = by_ip_[from];
    if (count >= kMaxPerIp) return false;
    ++count;
    ++all_;
    return true;
  }
  void leave(const Ip& from) {
    auto found = by_ip_.find(from);
    if (found == by_ip_.end()) return;
    --all_;
    if (--found->second == 0) by_ip_.erase(found);
  }

  static constexpr size_t kMaxAll = 128;
  static constexpr size_t kMaxPerIp = 16;

 private:
  size_t all_ = 0;
  std::map<Ip, size_t> by_ip_;
};

}  // namespace weave::mesh
