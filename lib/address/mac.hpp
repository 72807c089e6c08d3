// MAC addresses and peer names, which Weave Net prints the same way: six bytes as lower-case hex with colons.
#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace weave {

struct Mac {
  std::array<uint8_t, 6> bytes{};

  auto operator<=>(const Mac&) const = default;
  std::string str() const;
  bool multicast() const { return bytes[0] & 1; }
  // Six groups of one or two hex digits with colons; case doesn't matter.
  static Result<Mac> parse(std::string_view text);
};

// A peer's name on the wire and in the store: 48 bits, written like a MAC.
struct PeerName {
  uint64_t value = 0;  // 0 .. 2^48-1; 0 is "unknown peer"

  auto operator<=>(const PeerName&) const = default;
  std::string str() const;
  Mac mac() const;
  static PeerName from(const Mac& mac);
  // As a MAC; a "::" stands for groups of zeros: "::1" is 00:00:00:00:00:01.
  static Result<PeerName> parse(std::string_view text);
};

}  // namespace weave

template <>
struct std::hash<weave::PeerName> {
  size_t operator()(weave::PeerName name) const noexcept { return std::hash<uint64_t>()(name.value); }
};
