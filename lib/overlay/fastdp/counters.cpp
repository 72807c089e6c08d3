#include "overlay/fastdp/counters.hpp"

#include <iterator>

#include "overlay/fastdp/bpf/fastdp.h"

namespace weave::overlay {

std::optional<Drop> drop_of(size_t counter) {
  static constexpr Drop reasons[]{
      Drop::kSourceMac,   Drop::kSpoofed,   Drop::kSourceElsewhere, Drop::kUnknownSender, Drop::kNotEncrypted,
      Drop::kUnknownPeer, Drop::kOwn,       Drop::kNoRoute,         Drop::kLoop,          Drop::kLocal,
      Drop::kReserved,    Drop::kNoShortId, Drop::kHeartbeatUnread, Drop::kRefused};
  static_assert(FASTDP_DROPS + std::size(reasons) == FASTDP_COUNTERS);
  return counter < FASTDP_DROPS ? std::nullopt : std::optional(reasons[counter - FASTDP_DROPS]);
}

std::string_view counter_name(size_t counter) {
  static constexpr std::string_view names[]{"sent",   "received", "relayed", "to_sleeve", "from_sleeve",
                                            "direct", "pushed",   "popped",  "moved",     "heartbeats"};
  static_assert(std::size(names) == FASTDP_DROPS);
  auto reason = drop_of(counter);
  return reason ? name_of(*reason) : names[counter];
}

}  // namespace weave::overlay
