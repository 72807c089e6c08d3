// What sleeve must know of a container's Ethernet frame, and the two things that it does to IPv4 packets that are too
// large for a path:
//
//     "don't fragment" clear:  it fragments them, when the underlay isn't known to do so
//
//         | eth | ip, offset o, flags f | payload ............................ |
//         | eth | ip, offset o, MF | 8n bytes |  | eth | ip, offset o + n, f | the rest |
//
//     "don't fragment" set:    it tells the sender what fits, by ICMP "fragmentation needed", as a router would
//
//         | eth, turned round | ip: from the original destination | 3 4 checksum 0 mtu | its ip header + 8 bytes |
#pragma once
#include <functional>
#include <optional>

#include "address/mac.hpp"
#include "base/bytes.hpp"

namespace weave::overlay {

constexpr size_t kEthernetHeader = 14;
constexpr uint16_t kIpv4Type = 0x0800;

// Fields of a frame at a place that the caller has checked.
inline uint16_t get_u16(ByteView bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
inline uint32_t get_u32(ByteView bytes, size_t at) {
  return uint32_t{get_u16(bytes, at)} << 16 | get_u16(bytes, at + 2);
}
inline void put_u16(std::span<uint8_t> bytes, size_t at, uint16_t value) {
  bytes[at] = static_cast<uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<uint8_t>(value);
}
inline void put_u32(std::span<uint8_t> bytes, size_t at, uint32_t value) {
  put_u16(bytes, at, static_cast<uint16_t>(value >> 16));
  put_u16(bytes, at + 2, static_cast<uint16_t>(value));
}

// An untagged IPv4 packet within a frame; anything else, malformed IPv4 included, is just a frame to sleeve.
struct Ipv4Packet {
  size_t header = 0;  // bytes, with options: 20 to 60
  size_t length = 0;  // header and payload, as the header says; may be more than there is
  bool dont_fragment = false;
};
std::optional<Ipv4Packet> find_ipv4(ByteView frame);

// Cuts a frame that find_ipv4() has understood into frames that fit `mtu`, shorter ones padded to 60 bytes; a packet
// with "don't fragment" set, too, whose fragments have it clear and an id of their own. False, and
// nothing emitted, when the packet isn't whole, can't be cut, or would run past what an offset can say.
bool fragment_ipv4(ByteView frame, const Ipv4Packet& packet, uint16_t mtu,
                   const std::function<void(ByteView fragment)>& emit);

// Whether its sender may be told of an error at all: not about errors, nor about fragments behind the first, nor when
// the source is no single host (the rules for hosts, RFC 1122).
bool may_answer(ByteView frame, const Ipv4Packet& packet);

// The answer to a frame that find_ipv4() has understood and that may not be fragmented: what goes back to its sender.
Bytes fragmentation_needed(ByteView frame, const Ipv4Packet& packet, uint16_t mtu);

}  // namespace weave::overlay
