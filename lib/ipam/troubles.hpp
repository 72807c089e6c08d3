// What went wrong between this peer and others or the store, and when last: for status and `weave ipam diff`. Bounded.
#pragma once
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "address/mac.hpp"

namespace weave::ipam {

class Troubles {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr auto kTroubleLasts = std::chrono::seconds(120);
  // A refused connection is tried again less and less often, at last after more than ten minutes.
  static constexpr auto kRingLasts = std::chrono::minutes(20);

  void note(std::string text, Time now);
  // Noted within kTroubleLasts.
  std::vector<std::string> recent(Time now) const;

  // A ring that can't be merged with this peer's.
  struct ForeignRing {
    enum class Why { kRange, kSeeds, kGivenUp };  // other range, other first division, or the one given up here
    Why why = Why::kRange;
    std::string text;
    Time when{};
  };
  void note_ring(PeerName peer, ForeignRing ring);
  // The peer's ring fits now: what was noted about it is removed.
  void forget_ring(PeerName peer);
  void forget_rings();
  // By the peer that sent it, noted within kRingLasts.
  std::map<PeerName, ForeignRing> rings(Time now) const;
  bool is_about_a_ring(const std::string& text) const;

 private:
  std::map<std::string, Time> texts_;
  std::map<PeerName, ForeignRing> rings_;
};

}  // namespace weave::ipam
