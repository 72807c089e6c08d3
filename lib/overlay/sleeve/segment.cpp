#include "overlay/sleeve/segment.hpp"

#include <algorithm>

#include "overlay/sleeve/checksum.hpp"

namespace weave::overlay {

namespace {

constexpr uint16_t kIpv6Type = 0x86dd, kVlanType = 0x8100, kProviderVlanType = 0x88a8;
constexpr size_t kIpv4Header = 20, kIpv6Header = 40, kTcpHeader = 20;
constexpr uint8_t kTcpProtocol = 6;
// Places within headers.
constexpr size_t kV4Length = 2, kV4Id = 4, kV4Flags = 6, kV4Protocol = 9, kV4Checksum = 10, kV4Addresses = 12;
constexpr size_t kV6Length = 4, kV6Next = 6, kV6Addresses = 8;
constexpr size_t kTcpSequence = 4, kTcpAck = 8, kTcpSize = 12, kTcpFlags = 13, kTcpWindow = 14, kTcpChecksum = 16;
constexpr uint8_t kFin = 0x01, kPush = 0x08, kAck = 0x10, kCwr = 0x80;
constexpr size_t kMaxIpLength = 65535;

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
    if (type != kVlanType && type != kProviderVlanType) return at + 2;
    at += 4;
  }
  return 0;
}

// The pseudo header's sum, without the length.
uint64_t pseudo_header(ByteView frame, size_t ip, bool v6) {
  auto addresses = v6 ? frame.subspan(ip + kV6Addresses, 32) : frame.subspan(ip + kV4Addresses, 8);
  return add_number(kTcpProtocol, add_to_sum(addresses));
}

}  // namespace

Result<Segments> Segments::of(const VnetHeader& header, std::span<uint8_t> frame) {
  Segments out{ByteView(frame)};
  uint8_t type = header.gso_type & ~VnetHeader::kEcn;
  if (frame.size() < kEthernetHeader) return Refused("shorter than an Ethernet header");
  if (type == 0) {
    if (!(header.flags & VnetHeader::kNeedsChecksum)) return out;
    size_t start = header.csum_start, field = start + header.csum_offset;
    if (start >= frame.size() || field + 2 > frame.size()) return Refused("the checksum lies outside");
    uint16_t sum = checksum_of(add_to_sum(frame.subspan(start)));
    // UDP knows 0 as "none"; to the others it means the same as this.
    store(frame, field, sum == 0 ? 0xffff : sum);
    return out;
  }

  if (type != VnetHeader::kTcp4 && type != VnetHeader::kTcp6) return Refused("segments of an unknown kind");
  out.v6_ = type == VnetHeader::kTcp6;
  uint16_t ether_type = 0;
  out.ip_ = network_header(frame, ether_type);
  if (out.ip_ == 0 || ether_type != (out.v6_ ? kIpv6Type : kIpv4Type)) return Refused("segments of another protocol");
  size_t least = out.v6_ ? kIpv6Header : kIpv4Header;
  if (out.ip_ + least > frame.size()) return Refused("no network header");
  if (out.v6_) {
    // There may be extension headers, which the kernel has looked through already.
    out.tcp_ = header.csum_start;
    if (out.tcp_ < out.ip_ + least) return Refused("no TCP header");
  } else {
    size_t size = size_t{frame[out.ip_] & 15u} * 4;
    if (size < least || frame[out.ip_ + kV4Protocol] != kTcpProtocol) return Refused("no TCP header");
    out.tcp_ = out.ip_ + size;
  }
  if (out.tcp_ + kTcpHeader > frame.size()) return Refused("no TCP header");
  size_t size = static_cast<size_t>(frame[out.tcp_ + kTcpSize] >> 4) * 4;
  out.headers_ = out.tcp_ + size;
  if (size < kTcpHeader || out.headers_ >= frame.size()) return Refused("no TCP data");
  if (header.gso_size == 0 || out.headers_ - out.ip_ + header.gso_size > kMaxIpLength)
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
    put_u16(ip, kV6Length, static_cast<uint16_t>(ip.size() - kIpv6Header));
  } else {
    put_u16(ip, kV4Length, static_cast<uint16_t>(ip.size()));
    put_u16(ip, kV4Id, static_cast<uint16_t>(get_u16(ip, kV4Id) + index));
    store(ip, kV4Checksum, 0);
    store(ip, kV4Checksum, checksum_of(add_to_sum(ip.first(tcp_ - ip_))));
  }
  auto tcp = out.subspan(tcp_);
  put_u32(tcp, kTcpSequence, static_cast<uint32_t>(get_u32(tcp, kTcpSequence) + done));
  if (!last) tcp[kTcpFlags] &= static_cast<uint8_t>(~(kFin | kPush));
  if (index > 0) tcp[kTcpFlags] &= static_cast<uint8_t>(~kCwr);
  store(tcp, kTcpChecksum, 0);
  store(tcp, kTcpChecksum, checksum_of(add_to_sum(tcp, add_number(static_cast<uint16_t>(tcp.size()), pseudo_header_))));
}

std::optional<TcpMerger::Segment> TcpMerger::parse(ByteView frame) {
  if (frame.size() < kEthernetHeader + kIpv4Header + kTcpHeader) return std::nullopt;
  Segment out;
  constexpr size_t ip = kEthernetHeader;
  switch (get_u16(frame, 12)) {
    case kIpv4Type: {
      size_t size = size_t{frame[ip] & 15u} * 4;
      out.size = ip + get_u16(frame, ip + kV4Length);
      out.tcp = ip + size;
      // Neither fragments nor the reserved bit.
      if (frame[ip] >> 4 != 4 || size < kIpv4Header || frame[ip + kV4Protocol] != kTcpProtocol ||
          get_u16(frame, ip + kV4Flags) & 0xbfff || out.size > frame.size() || out.tcp + kTcpHeader > out.size ||
          fold_sum(add_to_sum(frame.subspan(ip, size))) != 0xffff)
        return std::nullopt;
      break;
    }
    case kIpv6Type:
      if (frame.size() < ip + kIpv6Header + kTcpHeader) return std::nullopt;
      out.v6 = true;
      out.size = ip + kIpv6Header + get_u16(frame, ip + kV6Length);
      out.tcp = ip + kIpv6Header;
      if (frame[ip] >> 4 != 6 || frame[ip + kV6Next] != kTcpProtocol || out.size > frame.size() ||
          out.tcp + kTcpHeader > out.size)
        return std::nullopt;
      break;
    default:
      return std::nullopt;
  }
  auto tcp = frame.subspan(out.tcp, out.size - out.tcp);
  size_t size = static_cast<size_t>(tcp[kTcpSize] >> 4) * 4;
  out.headers = out.tcp + size;
  out.push = tcp[kTcpFlags] & kPush;
  if (size < kTcpHeader || size >= tcp.size() || (tcp[kTcpFlags] & ~kPush) != kAck || tcp[kTcpSize] & 15)
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
      segment.v6 != first_.v6 || data > segment_size_ || held_.size() - kEthernetHeader + data > kMaxIpLength)
    return false;
  constexpr size_t ip = kEthernetHeader;
  if (!same(0, kEthernetHeader)) return false;
  if (segment.v6) {
    if (!same(ip, kV6Length) || !same(ip + kV6Next, kIpv6Header - kV6Next)) return false;
  } else {
    // All but length, id and checksum. The id has to count on where it matters, for that is what it will do.
    if (!same(ip, kV4Length) || !same(ip + kV4Flags, kV4Checksum - kV4Flags) ||
        !same(ip + kV4Addresses, segment.tcp - ip - kV4Addresses))
      return false;
    bool df = frame[ip + kV4Flags] & 0x40;
    if (!df && get_u16(frame, ip + kV4Id) != next_id_) return false;
  }
  size_t tcp = segment.tcp;
  return get_u32(frame, tcp + kTcpSequence) == next_sequence_ && same(tcp, kTcpSequence) && same(tcp + kTcpAck, 5) &&
         same(tcp + kTcpWindow, 2) && same(tcp + kTcpWindow + 4, segment.headers - tcp - kTcpWindow - 4);
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
    next_sequence_ = get_u32(frame, segment->tcp + kTcpSequence);
    next_id_ = segment->v6 ? 0 : get_u16(frame, kEthernetHeader + kV4Id);
  } else {
    held_.insert(held_.end(), frame.begin() + static_cast<ptrdiff_t>(segment->headers),
                 frame.begin() + static_cast<ptrdiff_t>(segment->size));
    if (segment->push) held_[first_.tcp + kTcpFlags] |= kPush;
  }
  ++count_;
  ++next_id_;
  next_sequence_ += static_cast<uint32_t>(data);
  closed_ = segment->push || data < segment_size_;
}

void TcpMerger::finish(VnetHeader& header) {
  std::span frame(held_);
  auto ip = frame.subspan(kEthernetHeader);
  if (first_.v6) {
    put_u16(ip, kV6Length, static_cast<uint16_t>(ip.size() - kIpv6Header));
  } else {
    put_u16(ip, kV4Length, static_cast<uint16_t>(ip.size()));
    store(ip, kV4Checksum, 0);
    store(ip, kV4Checksum, checksum_of(add_to_sum(ip.first(first_.tcp - kEthernetHeader))));
  }
  auto tcp = frame.subspan(first_.tcp);
  auto pseudo = pseudo_header(frame, kEthernetHeader, first_.v6);
  store(tcp, kTcpChecksum, fold_sum(add_number(static_cast<uint16_t>(tcp.size()), pseudo)));
  header = {.flags = VnetHeader::kNeedsChecksum,
            .gso_type = first_.v6 ? VnetHeader::kTcp6 : VnetHeader::kTcp4,
            .header_size = static_cast<uint16_t>(first_.headers),
            .gso_size = static_cast<uint16_t>(segment_size_),
            .csum_start = static_cast<uint16_t>(first_.tcp),
            .csum_offset = kTcpChecksum};
}

void TcpMerger::flush() {
  if (held_.empty()) return;
  VnetHeader header{.flags = VnetHeader::kChecksumValid};
  if (count_ > 1) finish(header);
  write_(header, held_);
  held_.clear();
  count_ = 0;
  closed_ = false;
}

}  // namespace weave::overlay
