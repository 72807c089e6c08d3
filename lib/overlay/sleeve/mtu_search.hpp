// Finds out how large a container's packet may be on a connection.
//
// Nothing is known until the kernel refuses a packet and names the first hop's MTU. That is the upper bound; the lower
// one is an MTU that every path has. The largest size between them that the peer acknowledges is found by bisection,
// first trying the upper bound itself, for that is nearly always right. A test that isn't acknowledged is repeated
// eight times, each time with twice the patience.
//
// Source: Weave Net 2.8.1, router/sleeve.go.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>

namespace weave::overlay {

class MtuSearch {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `overhead`: what the overlay adds to a container's packet, in bytes.
  explicit MtuSearch(uint16_t overhead) : overhead_(overhead) {}

  // The kernel refused a packet; `path_mtu` is that of its route, in bytes.
  void too_big(int path_mtu, Time now);
  // The peer has received a test for this MTU.
  void verified(uint16_t mtu, Time now);
  // Gives up waiting for an answer that is overdue.
  void tick(Time now);
  Time next_tick() const { return candidate_ ? deadline_ : Time::max(); }

  // The MTU to send a test for now; each is given out once.
  std::optional<uint16_t> take_test();

  // What is used now; 65535 while no limit is known.
  uint16_t mtu() const { return mtu_; }
  // The largest UDP payload to send in one piece, in bytes.
  uint16_t max_payload() const { return max_payload_; }
  bool searching() const { return candidate_ != 0; }

 private:
  void next(Time now);
  void test(Time now);

  uint16_t overhead_;
  uint16_t mtu_ = 65535;
  uint16_t max_payload_ = 65507;
  int candidate_ = 0, good_ = 0, bad_ = 0, tests_ = 0;
  Time deadline_ = Time::max();
  bool to_send_ = false;
};

}  // namespace weave::overlay
