#include "overlay/segment.hpp"

#include <algorithm>

#include "overlay/checksum.hpp"

namespace weave::overlay {

namespace {

constexpr uint16_t ipv4_type = 0x0800, ipv6_type = 0x86dd, vlan_type = 0x8100, provider_vlan_type = 0x88a8;
constexpr size_t ipv4_header = 20, ipv6_header = 40, tcp_header = 20;
constexpr uint8_t tcp_protocol = 6;
// Places within headers.
constexpr size_t v4_length = 2, v4_id = 4, v4_flags = 6, v4_protocol = 9, v4_checksum = 10, v4_addresses = 12;
constexpr size_t v6_length = 4, v6_next = 6, v6_addresses = 8;
constexpr size_t tcp_sequence = 4, tcp_ack = 8, tcp_size = 12, tcp_flags = 13, tcp_window = 14, tcp_checksum = 16;
constexpr uint8_t fin = 0x01, push = 0x08, ack = 0x10, cwr = 0x80;
constexpr size_t max_ip_length = 65535;

void store(std::span<uint8_t> bytes, size_t at, uint16_t native) {
  std::memcpy(&bytes[at], &native, sizeof native);
}

uint64_t add_number(uint16_t value, uint64_t sum) {
  std::array<uint8_t, 2> bytes{static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
  return add_to_sum(bytes, sum);
}

// Where the network header begins; 0 when the frame is too short for it.
size_t network_header(ByteView frame, uint16_t& type) {
  size_t at = 12;
  for (int tags = 0; tags < 3 && at + 2 <= frame.size(); ++tags) {
    type = get_u16(frame, at);
    if (type != vlan_type && type != provider_vlan_type) return at + 2;
    at += 4;
  }
  return 0;
}

// The pseudo header's sum, without the length.
uint64_t pseudo_header(ByteView frame, size_t ip, bool v6) {
  auto addresses = v6 ? frame.subspan(ip + v6_addresses, 32) : frame.subspan(ip + v4_addresses, 8);
  return add_number(tcp_protocol, add_to_sum(addresses));
}

}  // namespace

Result<Segments> Segments::of(const VnetHeader& header, std::span<uint8_t> frame) {
  Segments out{ByteView(frame)};
  uint8_t type = header.gso_type & ~VnetHeader::ecn;
  if (frame.size() < ethernet_header) return Refused("shorter than an Ethernet header");
  if (type == 0) {
    if (!(header.flags & VnetHeader::needs_checksum)) return out;
    size_t start = header.csum_start, field = start + header.csum_offset;
    if (start >= frame.size() || field + 2 > frame.size()) return Refused("the checksum lies outside");
    uint16_t sum = checksum_of(add_to_sum(frame.subspan(start)));
    // UDP knows 0 as "none"; to the others it means the same as this.
    store(frame, field, sum == 0 ? 0xffff : sum);
    return out;
  }

  if (type != VnetHeader::tcp4 && type != VnetHeader::tcp6) return Refused("segments of an unknown kind");
  out.v6_ = type == VnetHeader::tcp6;
  uint16_t ether_type = 0;
  out.ip_ = network_header(frame, ether_type);
  if (out.ip_ == 0 || ether_type != (out.v6_ ? ipv6_type : ipv4_type)) return Refused("segments of another protocol");
  size_t least = out.v6_ ? ipv6_header : ipv4_header;
  if (out.ip_ + least > frame.size()) return Refused("no network header");
  if (out.v6_) {
    // There may be extension headers, which the kernel has looked through already.
    out.tcp_ = header.csum_start;
    if (out.tcp_ < out.ip_ + least) return Refused("no TCP header");
  } else {
    size_t size = size_t{frame[out.ip_] & 15u} * 4;
    if (size < least || frame[out.ip_ + v4_protocol] != tcp_protocol) return Refused("no TCP header");
    out.tcp_ = out.ip_ + size;
  }
  if (out.tcp_ + tcp_header > frame.size()) return Refused("no TCP header");
  size_t size = static_cast<size_t>(frame[out.tcp_ + tcp_size] >> 4) * 4;
  out.headers_ = out.tcp_ + size;
  if (size < tcp_header || out.headers_ >= frame.size()) return Refused("no TCP data");
  if (header.gso_size == 0 || out.headers_ - out.ip_ + header.gso_size > max_ip_length)
    return Refused("segments of an impossible size");
  out.gso_size_ = header.gso_size;
  out.pseudo_header_ = pseudo_header(frame, out.ip_, out.v6_);
  return out;
}

size_t Segments::size(size_t index) const {
  if (gso_size_ == 0) return frame_.size();
  return headers_ + std::min(gso_size_, frame_.size() - headers_ - index * gso_size_);
}

void Segments::write(size_t index, std::span<uint8_t> out) const {
  if (gso_size_ == 0) {
    std::copy(frame_.begin(), frame_.end(), out.begin());
    return;
  }
  size_t done = index * gso_size_, size = out.size() - headers_;
  std::memcpy(out.data(), frame_.data(), headers_);
  std::memcpy(&out[headers_], &frame_[headers_ + done], size);
  bool last = headers_ + done + size == frame_.size();

  auto ip = out.subspan(ip_);
  if (v6_) {
    put_u16(ip, v6_length, static_cast<uint16_t>(ip.size() - ipv6_header));
  } else {
    put_u16(ip, v4_length, static_cast<uint16_t>(ip.size()));
    put_u16(ip, v4_id, static_cast<uint16_t>(get_u16(ip, v4_id) + index));
    store(ip, v4_checksum, 0);
    store(ip, v4_checksum, checksum_of(add_to_sum(ip.first(tcp_ - ip_))));
  }
  auto tcp = out.subspan(tcp_);
  put_u32(tcp, tcp_sequence, static_cast<uint32_t>(get_u32(tcp, tcp_sequence) + done));
  if (!last) tcp[tcp_flags] &= static_cast<uint8_t>(~(fin | push));
  if (index > 0) tcp[tcp_flags] &= static_cast<uint8_t>(~cwr);
  store(tcp, tcp_checksum, 0);
  store(tcp, tcp_checksum, checksum_of(add_to_sum(tcp, add_number(static_cast<uint16_t>(tcp.size()), pseudo_header_))));
}

std::optional<TcpMerger::Segment> TcpMerger::parse(ByteView frame) {
  if (frame.size() < ethernet_header + ipv4_header + tcp_header) return std::nullopt;
  Segment out;
  constexpr size_t ip = ethernet_header;
  switch (get_u16(frame, 12)) {
    case ipv4_type: {
      size_t size = size_t{frame[ip] & 15u} * 4;
      out.size = ip + get_u16(frame, ip + v4_length);
      out.tcp = ip + size;
      // Neither fragments nor the reserved bit.
      if (frame[ip] >> 4 != 4 || size < ipv4_header || frame[ip + v4_protocol] != tcp_protocol ||
          get_u16(frame, ip + v4_flags) & 0xbfff || out.size > frame.size() || out.tcp + tcp_header > out.size ||
          fold_sum(add_to_sum(frame.subspan(ip, size))) != 0xffff)
        return std::nullopt;
      break;
    }
    case ipv6_type:
      if (frame.size() < ip + ipv6_header + tcp_header) return std::nullopt;
      out.v6 = true;
      out.size = ip + ipv6_header + get_u16(frame, ip + v6_length);
      out.tcp = ip + ipv6_header;
      if (frame[ip] >> 4 != 6 || frame[ip + v6_next] != tcp_protocol || out.size > frame.size() ||
          out.tcp + tcp_header > out.size)
        return std::nullopt;
      break;
    default:
      return std::nullopt;
  }
  auto tcp = frame.subspan(out.tcp, out.size - out.tcp);
  size_t size = static_cast<size_t>(tcp[tcp_size] >> 4) * 4;
  out.headers = out.tcp + size;
  out.push = tcp[tcp_flags] & push;
  if (size < tcp_header || size >= tcp.size() || (tcp[tcp_flags] & ~push) != ack || tcp[tcp_size] & 15)
    return std::nullopt;
  // The kernel will make new checksums: it must not make good what is damaged.
  auto pseudo = add_number(static_cast<uint16_t>(tcp.size()), pseudo_header(frame, ip, out.v6));
  if (fold_sum(add_to_sum(tcp, pseudo)) != 0xffff) return std::nullopt;
  return out;
}

bool TcpMerger::follows(ByteView frame, const Segment& segment) const {
  auto same = [&](size_t at, size_t size) { return std::memcmp(&held_[at], &frame[at], size) == 0; };
  size_t data = segment.size - segment.headers;
  if (held_.empty() || closed_ || segment.tcp != first_.tcp || segment.headers != first_.headers ||
      segment.v6 != first_.v6 || data > segment_size_ || held_.size() - ethernet_header + data > max_ip_length)
    return false;
  constexpr size_t ip = ethernet_header;
  if (!same(0, ethernet_header)) return false;
  if (segment.v6) {
    if (!same(ip, v6_length) || !same(ip + v6_next, ipv6_header - v6_next)) return false;
  } else {
    // All but length, id and checksum. The id has to count on where it matters, for that is what it will do.
    if (!same(ip, v4_length) || !same(ip + v4_flags, v4_checksum - v4_flags) ||
        !same(ip + v4_addresses, segment.tcp - ip - v4_addresses))
      return false;
    bool df = frame[ip + v4_flags] & 0x40;
    if (!df && get_u16(frame, ip + v4_id) != next_id_) return false;
  }
  size_t tcp = segment.tcp;
  return get_u32(frame, tcp + tcp_sequence) == next_sequence_ && same(tcp, tcp_sequence) && same(tcp + tcp_ack, 5) &&
         same(tcp + tcp_window, 2) && same(tcp + tcp_window + 4, segment.headers - tcp - tcp_window - 4);
}

void TcpMerger::add(ByteView frame) {
  auto segment = parse(frame);
  if (!segment) {
    flush();
    write_({}, frame);
    return;
  }
  size_t data = segment->size - segment->headers;
  if (!follows(frame, *segment)) {
    flush();
    held_.assign(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(segment->size));
    first_ = *segment;
    segment_size_ = data;
    next_sequence_ = get_u32(frame, segment->tcp + tcp_sequence);
    next_id_ = segment->v6 ? 0 : get_u16(frame, ethernet_header + v4_id);
  } else {
    held_.insert(held_.end(), frame.begin() + static_cast<ptrdiff_t>(segment->headers),
                 frame.begin() + static_cast<ptrdiff_t>(segment->size));
    if (segment->push) held_[first_.tcp + tcp_flags] |= push;
  }
  ++count_;
  ++next_id_;
  next_sequence_ += static_cast<uint32_t>(data);
  closed_ = segment->push || data < segment_size_;
}

void TcpMerger::finish(VnetHeader& header) {
  std::span frame(held_);
  auto ip = frame.subspan(ethernet_header);
  if (first_.v6) {
    put_u16(ip, v6_length, static_cast<uint16_t>(ip.size() - ipv6_header));
  } else {
    put_u16(ip, v4_length, static_cast<uint16_t>(ip.size()));
    store(ip, v4_checksum, 0);
    store(ip, v4_checksum, checksum_of(add_to_sum(ip.first(first_.tcp - ethernet_header))));
  }
  auto tcp = frame.subspan(first_.tcp);
  auto pseudo = pseudo_header(frame, ethernet_header, first_.v6);
  store(tcp, tcp_checksum, fold_sum(add_number(static_cast<uint16_t>(tcp.size()), pseudo)));
  header = {.flags = VnetHeader::needs_checksum,
            .gso_type = first_.v6 ? VnetHeader::tcp6 : VnetHeader::tcp4,
            .header_size = static_cast<uint16_t>(first_.headers),
            .gso_size = static_cast<uint16_t>(segment_size_),
            .csum_start = static_cast<uint16_t>(first_.tcp),
            .csum_offset = tcp_checksum};
}

void TcpMerger::flush() {
  if (held_.empty()) return;
  VnetHeader header{.flags = VnetHeader::checksum_valid};
  if (count_ > 1) finish(header);
  write_(header, held_);
  held_.clear();
  count_ = 0;
  closed_ = false;
}

}  // namespace weave::overlay
