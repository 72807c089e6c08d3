// The fast datapath on the wire, as far as the router itself speaks it: VXLAN with peers' short ids, and heartbeats.
//
// Every packet is outer IPv4 | UDP | VXLAN | Ethernet frame of a container:
//
//     VXLAN:      08 00 00 00 | VNI (3) | 00           VNI = source's short id | destination's << 12
//     heartbeat:  zeros (14) | connection's number (8) | length of the frame (2) | zeros
//
// A heartbeat is as long as the largest frame of a container, 14 bytes more than its MTU, and travels with "don't
// fragment": a path that can't carry the largest frames loses the heartbeats, and isn't used.
//
// Source: Weave Net 2.8.1, router/fastdp.go.
#pragma once
#include "base/bytes.hpp"
#include "base/error.hpp"

namespace weave::overlay {

inline constexpr size_t kVxlanHeader = 8;
inline constexpr size_t kLeastHeartbeat = 24;  // of the frame

// Short ids have 12 bits.
constexpr uint32_t make_vni(uint16_t source, uint16_t destination) {
  return (source & 0xfffu) | (destination & 0xfffu) << 12;
}
constexpr uint16_t vni_source(uint32_t vni) {
  return vni & 0xfff;
}
constexpr uint16_t vni_destination(uint32_t vni) {
  return vni >> 12 & 0xfff;
}

// The UDP payload of a heartbeat: VXLAN header and frame. `mtu`: of our containers, at least 10.
Bytes encode_heartbeat(uint32_t vni, uint64_t conn_uid, uint16_t mtu);

// The connection's number in a heartbeat. `head`: the first bytes of the frame; `size`: its length on the wire. Refuses
// what Weave Net refuses: another type, a frame shorter than 24 bytes, or of another length than it says.
Result<uint64_t> decode_heartbeat(ByteView head, size_t size);

// The VNI in a VXLAN header; refuses what a Linux kernel refuses.
Result<uint32_t> decode_vxlan(ByteView header);

}  // namespace weave::overlay
