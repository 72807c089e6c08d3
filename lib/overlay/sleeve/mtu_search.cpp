#include "overlay/sleeve/mtu_search.hpp"

#include <algorithm>

namespace weave::overlay {

namespace {

constexpr int kUdpHeaders = 28;
constexpr int kFloorMtu = 552;
constexpr int kMaxTests = 8;
constexpr auto kFirstPatience = std::chrono::milliseconds(10);

}  // namespace

void MtuSearch::too_big(int path_mtu, Time now) {
  int limit = std::clamp(path_mtu, overhead_ + 68, 65535) - overhead_;
  if (candidate_ && limit >= candidate_) return;
  good_ = std::min(kFloorMtu, limit);
  bad_ = limit + 1;
  candidate_ = limit;
  tests_ = 0;
  mtu_ = static_cast<uint16_t>(limit);
  max_payload_ = static_cast<uint16_t>(limit + overhead_ - kUdpHeaders);
  test(now);
}

void MtuSearch::verified(uint16_t mtu, Time now) {
  if (!candidate_ || mtu != candidate_) return;
  good_ = candidate_;
  next(now);
}

void MtuSearch::tick(Time now) {
  if (!candidate_ || now < deadline_) return;
  if (tests_ < kMaxTests) {
    test(now);
    return;
  }
  bad_ = candidate_;
  next(now);
}

void MtuSearch::next(Time now) {
  if (good_ + 1 >= bad_) {
    mtu_ = static_cast<uint16_t>(good_);
    max_payload_ = static_cast<uint16_t>(good_ + overhead_ - kUdpHeaders);
    candidate_ = 0;
    to_send_ = false;
    return;
  }
  candidate_ = (good_ + bad_) / 2;
  tests_ = 0;
  test(now);
}

void MtuSearch::test(Time now) {
  deadline_ = now + kFirstPatience * (1 << tests_);
  ++tests_;
  to_send_ = true;
}

std::optional<uint16_t> MtuSearch::take_test() {
  if (!to_send_ || !candidate_) return std::nullopt;
  to_send_ = false;
  return static_cast<uint16_t>(candidate_);
}

}  // namespace weave::overlay
