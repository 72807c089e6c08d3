#include "overlay/sleeve/frame.hpp"

#include <algorithm>
#include <atomic>

#include "overlay/sleeve/checksum.hpp"

namespace weave::overlay {

namespace {

constexpr size_t kMinIpv4Header = 20;
constexpr size_t kMinFrame = 60;
constexpr uint16_t kFlagDf = 0x4000, kFlagMf = 0x2000, kOffsetMask = 0x1fff;
constexpr size_t kIcmpHeader = 8;
constexpr size_t kQuotedPayload = 8;

// Places within an IPv4 header.
constexpr size_t kAtLength = 2, kAtId = 4, kAtFlags = 6, kAtTtl = 8, kAtChecksum = 10, kAtSource = 12,
                 kAtDestination = 16;

void set_ipv4_checksum(std::span<uint8_t> header) {
  put_u16(header, kAtChecksum, 0);
  uint16_t sum = checksum_of(add_to_sum(header));
  std::memcpy(&header[kAtChecksum], &sum, sizeof sum);
}

}  // namespace

std::optional<Ipv4Packet> find_ipv4(ByteView frame) {
  if (frame.size() < kEthernetHeader + kMinIpv4Header || get_u16(frame, 12) != kIpv4Type) return std::nullopt;
  auto ip = frame.subspan(kEthernetHeader);
  Ipv4Packet packet;
  packet.header = size_t{ip[0] & 15u} * 4;
  packet.length = get_u16(ip, kAtLength);
  // Large packets that a network card is to cut may leave it open.
  if (packet.length == 0) packet.length = ip.size();
  packet.dont_fragment = get_u16(ip, kAtFlags) & kFlagDf;
  if (packet.header < kMinIpv4Header || packet.header > ip.size() || packet.length < packet.header) return std::nullopt;
  return packet;
}

bool fragment_ipv4(ByteView frame, const Ipv4Packet& packet, uint16_t mtu,
                   const std::function<void(ByteView fragment)>& emit) {
  auto ip = frame.subspan(kEthernetHeader);
  // Weave Net's router crashes on a packet that claims more than there is.
  if (packet.length > ip.size() || mtu < packet.header + 8) return false;
  auto payload = ip.subspan(packet.header, packet.length - packet.header);
  size_t piece = (mtu - packet.header) & ~size_t{7};
  uint16_t flags = get_u16(ip, kAtFlags), id = get_u16(ip, kAtId);
  if (flags & kFlagDf) {
    // Packets that must not be fragmented may all have the same id (RFC 6864).
    static std::atomic<uint16_t> next_id{0};
    id = next_id.fetch_add(1, std::memory_order_relaxed);
    flags &= static_cast<uint16_t>(~kFlagDf);
  }
  if ((flags & kOffsetMask) + payload.size() / 8 > kOffsetMask) return false;
  Bytes out;
  for (size_t done = 0; done < payload.size(); done += piece) {
    size_t size = std::min(piece, payload.size() - done);
    bool last = done + size == payload.size();
    out.assign(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(kEthernetHeader + packet.header));
    out.insert(out.end(), payload.begin() + static_cast<ptrdiff_t>(done),
               payload.begin() + static_cast<ptrdiff_t>(done + size));
    auto header = std::span(out).subspan(kEthernetHeader, packet.header);
    put_u16(header, kAtLength, static_cast<uint16_t>(packet.header + size));
    put_u16(header, kAtId, id);
    put_u16(header, kAtFlags, static_cast<uint16_t>((flags + done / 8) | (last ? 0 : kFlagMf)));
    set_ipv4_checksum(header);
    if (out.size() < kMinFrame) out.resize(kMinFrame);
    emit(out);
  }
  return true;
}

bool may_answer(ByteView frame, const Ipv4Packet& packet) {
  auto ip = frame.subspan(kEthernetHeader);
  uint8_t network = ip[kAtSource];
  if (get_u16(ip, kAtFlags) & kOffsetMask || network == 0 || network >= 224 || frame[0] & 1) return false;
  constexpr uint8_t icmp = 1;
  if (ip[kAtTtl + 1] != icmp) return true;
  if (packet.header >= ip.size()) return false;
  // Echo and the other questions; the rest are errors, or answers to come.
  constexpr std::array<uint8_t, 4> questions{0, 8, 13, 14};
  return std::find(questions.begin(), questions.end(), ip[packet.header]) != questions.end();
}

Bytes fragmentation_needed(ByteView frame, const Ipv4Packet& packet, uint16_t mtu) {
  auto ip = frame.subspan(kEthernetHeader);
  auto quoted = ip.first(std::min({packet.header + kQuotedPayload, packet.length, ip.size()}));
  Bytes out(kEthernetHeader + kMinIpv4Header + kIcmpHeader + quoted.size());
  std::copy_n(&frame[6], 6, &out[0]);
  std::copy_n(&frame[0], 6, &out[6]);
  put_u16(out, 12, kIpv4Type);

  auto header = std::span(out).subspan(kEthernetHeader, kMinIpv4Header);
  header[0] = 0x45;
  header[1] = ip[1];  // type of service
  put_u16(header, kAtLength, static_cast<uint16_t>(out.size() - kEthernetHeader));
  header[kAtTtl] = 64;
  header[kAtTtl + 1] = 1;  // ICMP
  std::copy_n(&ip[kAtDestination], 4, &header[kAtSource]);
  std::copy_n(&ip[kAtSource], 4, &header[kAtDestination]);
  set_ipv4_checksum(header);

  auto icmp = std::span(out).subspan(kEthernetHeader + kMinIpv4Header);
  icmp[0] = 3;  // destination unreachable
  icmp[1] = 4;  // fragmentation needed
  put_u16(icmp, 6, mtu);
  std::copy(quoted.begin(), quoted.end(), icmp.begin() + kIcmpHeader);
  uint16_t sum = checksum_of(add_to_sum(icmp));
  std::memcpy(&icmp[2], &sum, sizeof sum);
  return out;
}

}  // namespace weave::overlay
