#include "overlay/fastdp/packet.hpp"

namespace weave::overlay {

namespace {

constexpr size_t kEthernetHeaderSize = 14;
constexpr uint32_t kVniIsValid = 0x08000000;

}  // namespace

Bytes encode_heartbeat(uint32_t vni, uint64_t conn_uid, uint16_t mtu) {
  auto size = static_cast<uint16_t>(std::max(kEthernetHeaderSize + mtu, kLeastHeartbeat));
  Writer out;
  out.u32(kVniIsValid);
  out.u32(vni << 8);
  out.bytes(Bytes(kEthernetHeaderSize));
  out.u64(conn_uid);
  out.u16(size);
  auto bytes = out.take();
  bytes.resize(kVxlanHeader + size);
  return bytes;
}

Result<uint64_t> decode_heartbeat(ByteView head, size_t size) {
  Reader in(head);
  for (size_t i = 0; i < kEthernetHeaderSize; ++i)
    if (in.u8() != 0) return Refused("no heartbeat: its addresses and type aren't zero");
  auto conn_uid = in.u64();
  auto length = in.u16();
  if (!in.ok() || size < kLeastHeartbeat) return Refused("heartbeat is too short");
  if (length != size) return Refused("heartbeat of another length than it says");
  return conn_uid;
}

Result<uint32_t> decode_vxlan(ByteView header) {
  Reader in(header);
  auto flags = in.u32();
  auto vni = in.u32();
  if (!in.ok()) return Refused("VXLAN header is cut short");
  if (flags != kVniIsValid || (vni & 0xff) != 0) return Refused("VXLAN header with other bits than a VNI's");
  return vni >> 8;
}

}  // namespace weave::overlay
