// How often something that another program undoes again and again is repaired: at once at first, then less often.
#pragma once
#include <algorithm>
#include <chrono>

namespace weave::router {

class Repetition {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Report { kNothing, kEach, kRepeated };

  static constexpr int kAtOnce = 3;                       // repairs without a pause
  static constexpr std::chrono::seconds kFirstPause{10};  // doubles with each further repair
  static constexpr std::chrono::seconds kLongest{60};
  static constexpr std::chrono::minutes kForget{5};  // without a repair, all of them are forgotten

  bool due(Clock::time_point now) const { return now >= next_; }
  // After a check: whether something was repaired. Returns what to log: each repair, that they repeat (once), or
  // nothing.
  Report repaired(bool changed, Clock::time_point now) {
    if (!changed) {
      if (now - last_ >= kForget) count_ = 0;
      return Report::kNothing;
    }
    last_ = now;
    ++count_;
    if (count_ <= kAtOnce) return Report::kEach;
    auto pause = kFirstPause * (1 << std::min(count_ - kAtOnce - 1, 4));
    next_ = now + std::min<Clock::duration>(pause, kLongest);
    return count_ == kAtOnce + 1 ? Report::kRepeated : Report::kNothing;
  }

 private:
  int count_ = 0;
  Clock::time_point last_{}, next_{};
};

}  // namespace weave::router
