// The heartbeats of a forwarder over UDP: when to send, and when the peer's are missing. All overlays use these times,
// which are Weave Net's (router/sleeve.go, router/fastdp.go of version 2.8: FastHeartbeat, SlowHeartbeat,
// HeartbeatTimeout).
#pragma once
#include <algorithm>

#include "overlay/forwarder.hpp"

namespace weave::overlay {

class HeartbeatTimer {
 public:
  static constexpr std::chrono::milliseconds kFast{500};  // between heartbeats until the peer acknowledges one
  static constexpr std::chrono::seconds kSlow{10};        // between heartbeats after that
  static constexpr std::chrono::seconds kTimeout{60};     // without a heartbeat of the peer

  // The connection is confirmed, or a heartbeat of the peer has arrived.
  void expect(Time now) { missing_at_ = now + kTimeout; }
  // The time-out was handled; it ends again only after expect().
  void stop_expecting() { missing_at_ = Time::max(); }
  // A heartbeat is sent now; the next one is due after kFast or kSlow.
  void sent(Time now, bool fast) { due_at_ = now + (fast ? std::chrono::milliseconds(kFast) : kSlow); }
  // The peer has acknowledged a heartbeat.
  void acknowledged(Time now) { sent(now, false); }

  bool due(Time now) const { return due_at_ <= now; }
  bool missing(Time now) const { return missing_at_ <= now; }
  Time next_tick() const { return std::min(due_at_, missing_at_); }

 private:
  Time due_at_ = Time::max(), missing_at_ = Time::max();
};

}  // namespace weave::overlay
