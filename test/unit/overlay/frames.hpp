// Container frames for tests, and a checksum that is as slow and plain as it can be.
#pragma once
#include "overlay/sleeve/frame.hpp"

namespace weave::test {

using overlay::get_u16, overlay::put_u16;

// Ones' complement sum of big-endian words, as the RFC writes it: 0xffff when the checksum within is right.
inline uint32_t plain_sum(ByteView bytes, uint32_t sum = 0) {
  for (size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<uint32_t>(bytes[i] << 8) | (i + 1 < bytes.size() ? bytes[i + 1] : 0u);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return sum;
}

inline bool ip_checksum_right(ByteView frame) {
  return plain_sum(frame.subspan(14, size_t{frame[14] & 15u} * 4)) == 0xffff;
}

// Of TCP right behind the network header, whose length field must be right.
inline bool tcp_checksum_right(ByteView frame, bool v6 = false) {
  size_t tcp = v6 ? 54 : 14 + size_t{frame[14] & 15u} * 4;
  size_t end = v6 ? 54 + get_u16(frame, 18) : 14 + get_u16(frame, 16);
  auto addresses = v6 ? frame.subspan(22, 32) : frame.subspan(26, 8);
  auto pseudo = plain_sum(addresses, static_cast<uint32_t>(6 + end - tcp));
  return plain_sum(frame.subspan(tcp, end - tcp), pseudo) == 0xffff;
}

struct Tcp {
  size_t data = 1000;
  uint32_t sequence = 1000;
  uint8_t flags = 0x10;
  uint16_t id = 7, port = 40000;
  bool df = true, v6 = false;
  Mac from{{0x02, 0, 0, 0, 0, 1}}, to{{0x02, 0, 0, 0, 0, 2}};
};

// A complete TCP segment with 12 bytes of options, whose data depends on the sequence numbers only.
inline Bytes tcp_frame(const Tcp& what) {
  Writer out;
  out.bytes(what.to.bytes);
  out.bytes(what.from.bytes);
  size_t tcp_size = 32 + what.data;
  if (what.v6) {
    out.u16(0x86dd);
    out.u32(0x60000000);
    out.u16(static_cast<uint16_t>(tcp_size));
    out.u16(6 << 8 | 64);
    for (int i = 0; i < 32; ++i) out.u8(static_cast<uint8_t>(i));
  } else {
    out.u16(0x0800);
    out.u16(0x4500);
    out.u16(static_cast<uint16_t>(20 + tcp_size));
    out.u16(what.id);
    out.u16(what.df ? 0x4000 : 0);
    out.u16(64 << 8 | 6);
    out.u16(0);
    out.u32(0x0a200001);
    out.u32(0x0a200002);
  }
  size_t tcp = out.size();
  out.u16(what.port);
  out.u16(80);
  out.u32(what.sequence);
  out.u32(99);
  out.u8(0x80);
  out.u8(what.flags);
  out.u16(500);
  out.u32(0);
  for (int i = 0; i < 12; ++i) out.u8(1);
  for (size_t i = 0; i < what.data; ++i) out.u8(static_cast<uint8_t>(static_cast<uint32_t>(what.sequence + i) * 7 / 3));
  auto frame = out.take();
  if (!what.v6) put_u16(frame, 24, static_cast<uint16_t>(~plain_sum(ByteView(frame).subspan(14, 20))));
  auto pseudo = plain_sum(what.v6 ? ByteView(frame).subspan(22, 32) : ByteView(frame).subspan(26, 8),
                          static_cast<uint32_t>(6 + tcp_size));
  put_u16(frame, tcp + 16, static_cast<uint16_t>(~plain_sum(ByteView(frame).subspan(tcp), pseudo)));
  return frame;
}

}  // namespace weave::test
