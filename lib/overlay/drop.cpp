#include "overlay/drop.hpp"

#include <array>

namespace weave::overlay {

std::string_view name_of(Drop drop) {
  static constexpr std::array<std::string_view, kDropKinds> names{"malformed",
                                                                  "source_mac",
                                                                  "source_elsewhere",
                                                                  "spoofed",
                                                                  "reserved",
                                                                  "local",
                                                                  "own",
                                                                  "unknown_peer",
                                                                  "no_route",
                                                                  "loop",
                                                                  "no_connection",
                                                                  "no_address",
                                                                  "no_short_id",
                                                                  "too_big",
                                                                  "refused",
                                                                  "unknown_sender",
                                                                  "not_authentic",
                                                                  "not_encrypted",
                                                                  "replayed",
                                                                  "bridge_refused",
                                                                  "congested",
                                                                  "heartbeat_unread"};
  return names[static_cast<size_t>(drop)];
}

}  // namespace weave::overlay
