// MAC addresses and peer names, which Weave Net prints the same way: six bytes as lower-case hex with colons.
#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
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
  // As users write it: groups as in a MAC, and one "::" in the place of zeros when at most four groups stand beside it
  // ("::1", "1:2::3"; a lone "::" is refused).
  static Result<PeerName> parse(std::string_view text);
  // As programs write it, for what comes from peers: six groups of two digits.
  static Result<PeerName> parse_full(std::string_view text);
  // From gossip: six bytes. Weave Net takes any number of them.
  static Result<PeerName> from_bytes(ByteView bytes);
};

}  // namespace weave

template <>
struct std::hash<weave::PeerName> {
  size_t operator()(weave::PeerName name) const noexcept { return std::hash<uint64_t>()(name.value); }
};
