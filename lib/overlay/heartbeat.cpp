#include "overlay/heartbeat.hpp"

namespace weave::overlay {

namespace {

using namespace std::chrono_literals;

// A peer that misses heartbeats says so after seconds, not more often.
constexpr auto kComplaintInterval = 2s;

enum Tag : uint8_t { kMissing = 16, kBack = 17, kQuickPeer = 18, kSending = 19, kBlocked = 20 };

}  // namespace

bool Heartbeats::heard(Time now) {
  last_ = now;
  timed_out_ = false;
  if (std::exchange(reported_, false)) events_.control.push_back({kBack, {}});
  judge(true, reaches_);
  return !std::exchange(heard_, true);
}

void Heartbeats::announce() {
  events_.control.push_back({kQuickPeer, {}});
}

void Heartbeats::acknowledged(Time now) {
  sent(now, false);
}

void Heartbeats::sent(Time now, bool fast) {
  auto interval = quick_ ? std::chrono::milliseconds(kQuick) : std::chrono::milliseconds(kSlow);
  due_at_ = now + (fast ? kFast : interval);
}

void Heartbeats::leaves(bool sent) {
  if (leaves_ && !sent && quick_) events_.control.push_back({kBlocked, {}});
  judge(hears_, reaches_, sent);
}

bool Heartbeats::control(uint8_t tag, Time now) {
  switch (tag) {
    case kBlocked:
      if (now < complain_at_) return true;
      complain_at_ = now + kComplaintInterval;
      judge(false, reaches_);
      return true;
    case kQuickPeer:
      quick_ = true;
      due_at_ = std::min(due_at_, now + kQuick);
      return true;
    case kMissing:
      if (now < complain_at_) return true;
      complain_at_ = now + kComplaintInterval;
      events_.control.push_back({kSending, {}});
      judge(hears_, false);
      return true;
    case kBack:
      judge(hears_, true);
      return true;
    case kSending:
      if (reported_) judge(false, reaches_);
      return true;
    default:
      return false;
  }
}

Time Heartbeats::missing_at() const {
  if (last_ == Time::max()) return last_;
  if (quick_ && heard_ && !reported_) return last_ + kQuickTimeout;
  return timed_out_ ? Time::max() : last_ + kTimeout;
}

bool Heartbeats::tick(Time now) {
  if (now < missing_at()) return false;
  if (!std::exchange(reported_, true)) events_.control.push_back({kMissing, {}});
  if (now < last_ + kTimeout) return false;
  timed_out_ = true;
  judge(false, reaches_);
  return true;
}

Time Heartbeats::next_tick() const {
  return std::min(due_at_, missing_at());
}

void Heartbeats::judge(bool hears, bool reaches, bool leaves) {
  bool before = hears_ && reaches_ && leaves_, after = hears && reaches && leaves;
  hears_ = hears;
  reaches_ = reaches;
  leaves_ = leaves;
  if (before != after) events_.healthy = after;
}

}  // namespace weave::overlay
