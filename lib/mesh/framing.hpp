// Messages in a TCP stream. The newest version puts four bytes of length before each; the first one wrote each message
// as a gob value of bytes, so that the length lies in gob's own (variable) length and there are two of them:
//
//     version 2:  | length (4) | body |
//     version 1:  | gob length | 0a 00 | gob length of body | body |
//
// The body is the message, or, with a password, its secretbox (mesh/cipher.hpp).
//
// Source: the mesh library of Weave Net 2.8.1 (revision 58dbcc3), protocol.go and protocol_crypto.go.
#pragma once
#include <optional>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "mesh/cipher.hpp"

namespace weave::mesh {

// The body's largest size on the wire in either direction (spec: 10 MiB, after encryption).
constexpr size_t kMaxFrame = 10 * 1024 * 1024;
// The largest body that we take from a peer whose features we haven't accepted.
constexpr size_t kMaxIntroFrame = 64 * 1024;

// What came in and hasn't been used. It grows with what really arrives, never with what a length announces.
class InputBuffer {
 public:
  void feed(ByteView bytes);
  ByteView view() const { return ByteView(bytes_).subspan(start_); }
  void consume(size_t count);
  size_t size() const { return bytes_.size() - start_; }

 private:
  Bytes bytes_;
  size_t start_ = 0;
};

// A gob unsigned number at the beginning of `bytes` and the count of bytes it takes; nothing when more bytes are
// needed. Refuses what no gob encoder writes.
struct GobUint {
  uint64_t value = 0;
  size_t size = 0;
};
Result<std::optional<GobUint>> peek_gob_uint(ByteView bytes);

// A body as it goes on the wire. Refuses a body over max_frame: "outgoing message exceeds maximum size: ...".
Result<Bytes> frame(int version, ByteView body);

// Takes one whole body off the buffer; nothing when it isn't complete yet. Refuses a length over `limit` as soon as the
// length is there. A version 1 stream may hold type definitions between the messages, which are skipped.
Result<std::optional<Bytes>> next_body(int version, InputBuffer& input, size_t limit = kMaxFrame);

// Both directions of an established connection.
class MessageStream {
 public:
  MessageStream(int version, std::optional<MessageCipher> cipher, InputBuffer input)
      : version_(version), cipher_(std::move(cipher)), input_(std::move(input)) {}

  // The bytes to send for a message (tag and payload).
  Result<Bytes> encode(ByteView message);
  // Bytes received.
  void feed(ByteView bytes) { input_.feed(bytes); }
  // The next whole message, possibly empty; nothing when there is none yet. After a refusal the stream is of no use.
  Result<std::optional<Bytes>> next();

 private:
  int version_;
  std::optional<MessageCipher> cipher_;
  InputBuffer input_;
};

}  // namespace weave::mesh
