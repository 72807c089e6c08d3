#include "overlay/frame.hpp"

#include <algorithm>

#include "overlay/checksum.hpp"

namespace weave::overlay {

namespace {

constexpr uint16_t ipv4_type = 0x0800;
constexpr size_t min_ipv4_header = 20;
constexpr size_t min_frame = 60;
constexpr uint16_t flag_df = 0x4000, flag_mf = 0x2000, offset_mask = 0x1fff;
constexpr size_t icmp_header = 8;
constexpr size_t quoted_payload = 8;

// Places within an IPv4 header.
constexpr size_t at_length = 2, at_flags = 6, at_ttl = 8, at_checksum = 10, at_source = 12, at_destination = 16;

void set_ipv4_checksum(std::span<uint8_t> header) {
  put_u16(header, at_checksum, 0);
  uint16_t sum = checksum_of(add_to_sum(header));
  std::memcpy(&header[at_checksum], &sum, sizeof sum);
}

}  // namespace

std::optional<Ipv4Packet> find_ipv4(ByteView frame) {
  if (frame.size() < ethernet_header + min_ipv4_header || get_u16(frame, 12) != ipv4_type) return std::nullopt;
  auto ip = frame.subspan(ethernet_header);
  Ipv4Packet packet;
  packet.header = size_t{ip[0] & 15u} * 4;
  packet.length = get_u16(ip, at_length);
  // Large packets that a network card is to cut may leave it open.
  if (packet.length == 0) packet.length = ip.size();
  packet.dont_fragment = get_u16(ip, at_flags) & flag_df;
  if (packet.header < min_ipv4_header || packet.header > ip.size() || packet.length < packet.header)
    return std::nullopt;
  return packet;
}

bool fragment_ipv4(ByteView frame, const Ipv4Packet& packet, uint16_t mtu,
                   const std::function<void(ByteView fragment)>& emit) {
  auto ip = frame.subspan(ethernet_header);
  // Weave Net's router crashes on a packet that claims more than there is.
  if (packet.length > ip.size() || mtu < packet.header + 8) return false;
  auto payload = ip.subspan(packet.header, packet.length - packet.header);
  size_t piece = (mtu - packet.header) & ~size_t{7};
  uint16_t flags = get_u16(ip, at_flags);
  if ((flags & offset_mask) + payload.size() / 8 > offset_mask) return false;
  Bytes out;
  for (size_t done = 0; done < payload.size(); done += piece) {
    size_t size = std::min(piece, payload.size() - done);
    bool last = done + size == payload.size();
    out.assign(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(ethernet_header + packet.header));
    out.insert(out.end(), payload.begin() + static_cast<ptrdiff_t>(done),
               payload.begin() + static_cast<ptrdiff_t>(done + size));
    auto header = std::span(out).subspan(ethernet_header, packet.header);
    put_u16(header, at_length, static_cast<uint16_t>(packet.header + size));
    put_u16(header, at_flags, static_cast<uint16_t>((flags + done / 8) | (last ? 0 : flag_mf)));
    set_ipv4_checksum(header);
    if (out.size() < min_frame) out.resize(min_frame);
    emit(out);
  }
  return true;
}

bool may_answer(ByteView frame, const Ipv4Packet& packet) {
  auto ip = frame.subspan(ethernet_header);
  uint8_t network = ip[at_source];
  if (get_u16(ip, at_flags) & offset_mask || network == 0 || network >= 224 || frame[0] & 1) return false;
  constexpr uint8_t icmp = 1;
  if (ip[at_ttl + 1] != icmp) return true;
  if (packet.header >= ip.size()) return false;
  // Echo and the other questions; the rest are errors, or answers to come.
  constexpr std::array<uint8_t, 4> questions{0, 8, 13, 14};
  return std::find(questions.begin(), questions.end(), ip[packet.header]) != questions.end();
}

Bytes fragmentation_needed(ByteView frame, const Ipv4Packet& packet, uint16_t mtu) {
  auto ip = frame.subspan(ethernet_header);
  auto quoted = ip.first(std::min({packet.header + quoted_payload, packet.length, ip.size()}));
  Bytes out(ethernet_header + min_ipv4_header + icmp_header + quoted.size());
  std::copy_n(&frame[6], 6, &out[0]);
  std::copy_n(&frame[0], 6, &out[6]);
  put_u16(out, 12, ipv4_type);

  auto header = std::span(out).subspan(ethernet_header, min_ipv4_header);
  header[0] = 0x45;
  header[1] = ip[1];  // type of service
  put_u16(header, at_length, static_cast<uint16_t>(out.size() - ethernet_header));
  header[at_ttl] = 64;
  header[at_ttl + 1] = 1;  // ICMP
  std::copy_n(&ip[at_destination], 4, &header[at_source]);
  std::copy_n(&ip[at_source], 4, &header[at_destination]);
  set_ipv4_checksum(header);

  auto icmp = std::span(out).subspan(ethernet_header + min_ipv4_header);
  icmp[0] = 3;  // destination unreachable
  icmp[1] = 4;  // fragmentation needed
  put_u16(icmp, 6, mtu);
  std::copy(quoted.begin(), quoted.end(), icmp.begin() + icmp_header);
  uint16_t sum = checksum_of(add_to_sum(icmp));
  std::memcpy(&icmp[2], &sum, sizeof sum);
  return out;
}

}  // namespace weave::overlay
