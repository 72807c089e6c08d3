// Bytes from and to the wire. Everything that comes from outside goes through Reader.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weave {

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Reads big-endian fields within bounds. After a read past the end, ok() is false, every further read yields zero or an
// empty view, and the position stays: so a decoder may read a whole structure and check once.
class Reader {
 public:
  explicit Reader(ByteView bytes) : bytes_(bytes) {}

  uint8_t u8() { return static_cast<uint8_t>(unsigned_be(1)); }
  uint16_t u16() { return static_cast<uint16_t>(unsigned_be(2)); }
  uint32_t u32() { return static_cast<uint32_t>(unsigned_be(4)); }
  uint64_t u64() { return unsigned_be(8); }
  ByteView bytes(size_t count) {
    if (failed_ || count > bytes_.size() - position_) {
      failed_ = true;
      return {};
    }
    auto view = bytes_.subspan(position_, count);
    position_ += count;
    return view;
  }
  void skip(size_t count) { bytes(count); }

  bool ok() const { return !failed_; }
  bool at_end() const { return position_ == bytes_.size(); }
  size_t position() const { return position_; }
  size_t left() const { return bytes_.size() - position_; }
  ByteView rest() const { return bytes_.subspan(position_); }
  // Moves to an absolute position (for DNS compression); past the end fails.
  void seek(size_t position) {
    if (position > bytes_.size())
      failed_ = true;
    else
      position_ = position;
  }

 private:
  uint64_t unsigned_be(size_t size) {
    uint64_t value = 0;
    for (uint8_t byte : bytes(size)) value = value << 8 | byte;
    return value;
  }

  ByteView bytes_;
  size_t position_ = 0;
  bool failed_ = false;
};

// Appends big-endian fields to a buffer.
class Writer {
 public:
  void u8(uint8_t value) { out_.push_back(value); }
  void u16(uint16_t value) { unsigned_be(value, 2); }
  void u32(uint32_t value) { unsigned_be(value, 4); }
  void u64(uint64_t value) { unsigned_be(value, 8); }
  void bytes(ByteView value) { out_.insert(out_.end(), value.begin(), value.end()); }
  void text(std::string_view value) { bytes(as_bytes(value)); }
  // Overwrites two bytes written before; `position` must lie within the buffer.
  void patch_u16(size_t position, uint16_t value) {
    out_.at(position) = static_cast<uint8_t>(value >> 8);
    out_.at(position + 1) = static_cast<uint8_t>(value);
  }
  size_t size() const { return out_.size(); }
  void truncate(size_t size) { out_.resize(size); }
  const Bytes& out() const { return out_; }
  Bytes take() { return std::move(out_); }

 private:
  void unsigned_be(uint64_t value, int size) {
    for (int shift = (size - 1) * 8; shift >= 0; shift -= 8) out_.push_back(static_cast<uint8_t>(value >> shift));
  }
  Bytes out_;
};

}  // namespace weave
