#include "mesh/framing.hpp"

namespace weave::mesh {

namespace {

// Compacting at every message would copy a burst of small ones again and again.
constexpr size_t kCompactAt = 64 * 1024;

void put_gob_uint(Bytes& out, uint64_t value) {
  if (value < 128) {
    out.push_back(static_cast<uint8_t>(value));
    return;
  }
  int size = 8;
  while (size > 1 && value >> (8 * (size - 1)) == 0) --size;
  out.push_back(static_cast<uint8_t>(256 - size));
  for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

Refused too_long(uint64_t size, size_t limit) {
  return Refused(fmt::format("incoming message exceeds maximum size: {} > {}", size, limit));
}

Result<std::optional<Bytes>> next_frame(InputBuffer& input, size_t limit) {
  auto view = input.view();
  if (view.size() < 4) return std::nullopt;
  size_t size = Reader(view).u32();
  if (size > limit) return too_long(size, limit);
  if (view.size() - 4 < size) return std::nullopt;
  auto body = view.subspan(4, size);
  std::optional<Bytes> out(std::in_place, body.begin(), body.end());
  input.consume(4 + size);
  return out;
}

// The bytes in a gob message: the type's id (5, so 0a), a zero byte, the length, the bytes.
Result<Bytes> bytes_value(ByteView content) {
  if (content.size() < 2 || content[0] != 0x0a || content[1] != 0)
    return Refused("a gob value that isn't a byte slice came where a message should be");
  auto rest = content.subspan(2);
  auto size = peek_gob_uint(rest);
  if (!size) return Refused(size.error());
  if (!*size || (*size)->value != rest.size() - (*size)->size)
    return Refused("a gob byte slice doesn't fill its message");
  rest = rest.subspan((*size)->size);
  return Bytes(rest.begin(), rest.end());
}

Result<std::optional<Bytes>> next_gob(InputBuffer& input, size_t limit) {
  // The value's own header: id, zero byte, nine bytes of length at most.
  constexpr size_t header = 11;
  for (;;) {
    auto view = input.view();
    auto size = peek_gob_uint(view);
    if (!size) return Refused(size.error());
    if (!*size) return std::nullopt;
    if ((*size)->value > limit + header) return too_long((*size)->value, limit);
    if (view.size() - (*size)->size < (*size)->value) return std::nullopt;
    auto content = view.subspan((*size)->size, (*size)->value);
    if (content.empty()) return Refused("an empty gob message");
    auto id = peek_gob_uint(content);
    if (!id) return Refused(id.error());
    bool definition = *id && ((*id)->value & 1);  // ids of definitions are negative: the lowest bit holds the sign
    std::optional<Bytes> out;
    if (!definition) {
      auto body = bytes_value(content);
      if (!body) return Refused(body.error());
      if (body->size() > limit) return too_long(body->size(), limit);
      out = std::move(*body);
    }
    input.consume((*size)->size + (*size)->value);
    if (!definition) return out;
  }
}

}  // namespace

void InputBuffer::feed(ByteView bytes) {
  if (start_ == bytes_.size()) {
    bytes_.clear();
    start_ = 0;
  } else if (start_ > kCompactAt) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(start_));
    start_ = 0;
  }
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

void InputBuffer::consume(size_t count) {
  start_ += std::min(count, size());
  // A large message shouldn't stay reserved for the rest of the connection's life.
  if (start_ == bytes_.size() && bytes_.capacity() > 2 * kCompactAt) {
    bytes_ = {};
    start_ = 0;
  }
}

Result<std::optional<GobUint>> peek_gob_uint(ByteView bytes) {
  if (bytes.empty()) return std::nullopt;
  if (bytes[0] < 0x80) return GobUint{bytes[0], 1};
  size_t size = 256u - bytes[0];
  if (size > 8) return Refused("a gob number of more than eight bytes");
  if (bytes.size() < size + 1) return std::nullopt;
  uint64_t value = 0;
  for (uint8_t byte : bytes.subspan(1, size)) value = value << 8 | byte;
  return GobUint{value, size + 1};
}

Result<Bytes> frame(int version, ByteView body) {
  if (body.size() > kMaxFrame)
    return Refused(fmt::format("outgoing message exceeds maximum size: {} > {}", body.size(), kMaxFrame));
  Bytes out;
  out.reserve(body.size() + 16);
  if (version == 1) {
    Bytes length;
    put_gob_uint(length, body.size());
    put_gob_uint(out, 2 + length.size() + body.size());
    out.push_back(0x0a);
    out.push_back(0x00);
    out.insert(out.end(), length.begin(), length.end());
  } else {
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(body.size() >> shift));
  }
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

Result<std::optional<Bytes>> next_body(int version, InputBuffer& input, size_t limit) {
  return version == 1 ? next_gob(input, limit) : next_frame(input, limit);
}

Result<Bytes> MessageStream::encode(ByteView message) {
  // Refused before it is sealed: a message that isn't sent must not use up a number of the cipher.
  size_t size = message.size() + (cipher_ ? kMessageOverhead : 0);
  if (size > kMaxFrame) return Refused(fmt::format("outgoing message exceeds maximum size: {} > {}", size, kMaxFrame));
  return cipher_ ? frame(version_, cipher_->seal(message)) : frame(version_, message);
}

Result<std::optional<Bytes>> MessageStream::next() {
  auto body = next_body(version_, input_);
  if (!body || !*body || !cipher_) return body;
  auto message = cipher_->open(**body);
  if (!message) return Refused(message.error());
  return std::optional(std::move(*message));
}

}  // namespace weave::mesh
