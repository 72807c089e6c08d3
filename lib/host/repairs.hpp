// What other programs removed from the host and weave has restored: when a repair is due, and what is told of it.
//
// The first repairs of an item are made at once. A program that removes it again and again is not fought: after
// kAtOnce repairs within kForget of each other, pauses begin, which double up to kLongest.
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace weave::host {

class Repairs {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr int kAtOnce = 3;
  static constexpr std::chrono::seconds kFirstPause{10}, kLongest{60};
  static constexpr std::chrono::minutes kForget{5};
  static constexpr std::chrono::hours kShown{1};
  static constexpr size_t kMostItems = 1000;  // beyond, items are repaired and logged, but not remembered

  explicit Repairs(std::function<Clock::time_point()> now = Clock::now) : now_(std::move(now)) {}
  Repairs(const Repairs&) = delete;

  // Whether an item may be repaired now.
  bool due(const std::string& item) const;
  enum class Why {
    kRemoved,  // logged as a warning and listed
    kUsual,    // what other programs do in the course of their work: neither, but counted as a repair
  };
  // It was repaired. Repeated repairs are logged once more, as repeated.
  void note(const std::string& item, Why why = Why::kRemoved);
  // If a repair is due, does `work` and notes it. Throws what `work` throws; then nothing is noted.
  bool attempt(const std::string& item, const std::function<void()>& work);

  struct Repaired {
    std::string item;
    int times = 0;  // since the router's start
    std::chrono::system_clock::time_point last;
  };
  // Those of the last hour, the newest first. Any thread may call this and the functions above.
  std::vector<Repaired> recent() const;

 private:
  struct Entry {
    int times = 0;  // with Why::kRemoved
    int in_a_row = 0;
    Clock::time_point last, next;
    std::chrono::system_clock::time_point last_wall;
  };
  std::function<Clock::time_point()> now_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace weave::host
