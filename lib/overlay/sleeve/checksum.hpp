// The Internet checksum: the ones' complement of the ones' complement sum of 16-bit words, which is the same in either
// byte order as long as sums are loaded and stored in the machine's.
#pragma once
#include <cstring>

#include "base/bytes.hpp"

namespace weave::overlay {

// Adds bytes to a sum; only the last piece that is added may have an odd length. Four accumulators, because the
// compiler turns them into vector additions; 64 bits can't overflow by what a frame holds.
inline uint64_t add_to_sum(ByteView bytes, uint64_t sum = 0) {
  const auto* at = bytes.data();
  size_t left = bytes.size();
  uint64_t lanes[4] = {};
  for (; left >= 32; at += 32, left -= 32) {
    uint32_t words[8];
    std::memcpy(words, at, sizeof words);
    for (size_t i = 0; i < 8; ++i) lanes[i % 4] += words[i];
  }
  sum += lanes[0] + lanes[1] + lanes[2] + lanes[3];
  for (; left >= 4; at += 4, left -= 4) {
    uint32_t word;
    std::memcpy(&word, at, sizeof word);
    sum += word;
  }
  uint32_t tail = 0;
  if (left > 0) std::memcpy(&tail, at, left);
  return sum + tail;
}

// The sum in 16 bits, in the machine's byte order, not complemented.
inline uint16_t fold_sum(uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>((sum & 0xffff) + (sum >> 16));
}

// What to store in the checksum field, with memcpy: the bytes are in the machine's order.
inline uint16_t checksum_of(uint64_t sum) {
  return static_cast<uint16_t>(~fold_sum(sum));
}

}  // namespace weave::overlay
