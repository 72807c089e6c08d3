// The pause before a process that ended is started again: 0.1 s at first, twice as long each time up to a limit, and
// short again after the process ran for long enough.
#pragma once
#include <algorithm>
#include <chrono>
#include <utility>

namespace weave::supervise {

class Backoff {
 public:
  using Duration = std::chrono::milliseconds;
  static constexpr Duration kShortest{100};

  // `healthy`: how long a process has to run for the pause to be short again.
  Backoff(Duration longest, Duration healthy) : longest_(longest), healthy_(healthy) {}

  // The pause after a process that ran for `lived`.
  Duration next(std::chrono::nanoseconds lived) {
    if (lived > healthy_) pause_ = kShortest;
    return std::exchange(pause_, std::min(pause_ * 2, longest_));
  }

 private:
  Duration longest_, healthy_;
  Duration pause_ = kShortest;
};

}  // namespace weave::supervise
