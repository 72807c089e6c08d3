// The heartbeats of a forwarder over UDP: when to send, when the peer's are missing, and what two peers tell each other
// of what they hear. All overlays use these times. Those towards Weave Net are its own (router/sleeve.go,
// router/fastdp.go of version 2.8: FastHeartbeat, SlowHeartbeat, HeartbeatTimeout).
//
// Peers of this implementation find a broken path sooner. They have control messages for it, which Weave Net ignores:
//
//     18 quick      follows the first acknowledgement: "I understand 16 to 19". The peer then sends every second
//     16 missing    no heartbeat of yours for 6 s (60 s without `quick`)
//     19 sending    answers 16: "I send, so they are lost". Without it the peer's router may be hung or gone while its
//                   kernel carries frames on, and the overlay stays in use until 60 s are over
//     17 back       heartbeats arrive again
//     20 blocked    "my kernel refuses to send to you": the receiver needn't wait for heartbeats to be missing
//
// A path counts as of use while all hold: we hear the peer, the peer hasn't said that it doesn't hear us, and our
// kernel sends.
#pragma once
#include <algorithm>

#include "overlay/forwarder.hpp"

namespace weave::overlay {

class Heartbeats {
 public:
  static constexpr std::chrono::milliseconds kFast{500};  // between heartbeats until the peer acknowledges one
  static constexpr std::chrono::seconds kSlow{10};        // between heartbeats after that
  static constexpr std::chrono::seconds kTimeout{60};     // without a heartbeat of the peer
  static constexpr std::chrono::seconds kQuick{1}, kSilence{2},
      kQuickTimeout{6};  // the same between peers of this implementation

  // Changes of health and messages go to `events`, which must outlive this.
  explicit Heartbeats(ForwarderEvents& events) : events_(events) {}

  // The connection is confirmed.
  void confirm(Time now) { last_ = now; }
  // A heartbeat of the peer has arrived. True: the first, to be acknowledged, whereupon follows announce().
  bool heard(Time now);
  void announce();
  // The peer has acknowledged a heartbeat.
  void acknowledged(Time now);
  // A heartbeat is sent now, which sets when the next is due. `fast`: as before an acknowledgement.
  void sent(Time now, bool fast);
  // The kernel has taken the heartbeat, or refused it: no route, or larger than the interface's MTU.
  void leaves(bool sent);
  // False: the message isn't about heartbeats.
  bool control(uint8_t tag, Time now);
  // Does what is due but for sending; true once when kTimeout has passed without a heartbeat.
  bool tick(Time now);

  // A peer that sends every second has been silent for several.
  bool silent(Time now) const { return quick_ && heard_ && now - last_ >= kSilence; }
  bool due(Time now) const { return due_at_ <= now; }
  Time next_tick() const;
  // Anything of the peer's has ever arrived; recently; and the peer hasn't told otherwise of what we send.
  bool heard_any() const { return heard_; }
  bool hears() const { return hears_; }
  bool reaches() const { return reaches_; }

 private:
  void judge(bool hears, bool reaches, bool leaves);
  void judge(bool hears, bool reaches) { judge(hears, reaches, leaves_); }
  Time missing_at() const;

  ForwarderEvents& events_;
  bool quick_ = false, heard_ = false, hears_ = true, reaches_ = true, leaves_ = true;
  bool reported_ = false;   // the peer knows that we don't hear it
  bool timed_out_ = false;  // tick() has said so
  Time due_at_ = Time::max(), last_ = Time::max();
  Time complain_at_ = Time::min();  // the peer may report again
};

}  // namespace weave::overlay
