// Large frames of a TAP with virtio-net headers, cut into what goes over the wire, and the way back.
//
// The kernel hands over what a network card would get: TCP data up to 64 KB behind one set of headers, to be cut every
// `gso_size` bytes, with checksums yet to be filled in. Peers must get complete frames.
//
//     | eth | ip | tcp, seq s, PSH | data of 3 * m bytes |                 what the container's kernel sends
//     | eth | ip | tcp, seq s | m | | .. | seq s + m | m | | .. | seq s + 2m, PSH | m |      what peers get
//
// TcpMerger puts such a run together again before it is given to the kernel, which saves the kernel, the bridge and
// the container most of the work: they handle one packet instead of forty.
#pragma once
#include <functional>

#include "base/error.hpp"
#include "overlay/sleeve/frame.hpp"

namespace weave::overlay {

// The header before each frame of the TAP (virtio-net's), in the machine's byte order.
struct VnetHeader {
  static constexpr uint8_t kNeedsChecksum = 1;    // flags: a checksum is to be filled in, from csum_start on
  static constexpr uint8_t kChecksumValid = 2;    // flags: it has been verified
  static constexpr uint8_t kTcp4 = 1, kTcp6 = 4;  // gso_type; 0: not to be cut
  static constexpr uint8_t kEcn = 0x80;           // gso_type, in addition

  uint8_t flags = 0;
  uint8_t gso_type = 0;
  uint16_t header_size = 0;
  uint16_t gso_size = 0;
  uint16_t csum_start = 0;
  uint16_t csum_offset = 0;
};
static_assert(sizeof(VnetHeader) == 10);

// One frame of the TAP as the complete frames that it stands for.
class Segments {
 public:
  // Of a complete frame: itself.
  explicit Segments(ByteView frame) : frame_(frame) {}
  // Completes the checksum in place where that is all there is to do. Refuses what is inconsistent. `frame` must
  // outlive this.
  static Result<Segments> of(const VnetHeader& header, std::span<uint8_t> frame);

  // At least 1.
  size_t count() const { return gso_size_ == 0 ? 1 : (frame_.size() - headers_ + gso_size_ - 1) / gso_size_; }
  // Bytes of a segment; none is larger than the first.
  size_t size(size_t index) const;
  // Writes a segment to `out`, which has exactly its size.
  void write(size_t index, std::span<uint8_t> out) const;
  // Of the first segment: what tells where it goes, and whether it is IPv4. Its length field may not be true.
  ByteView frame() const { return frame_; }

 private:
  ByteView frame_;
  size_t gso_size_ = 0;  // 0: not to be cut
  size_t ip_ = 0, tcp_ = 0, headers_ = 0;
  bool v6_ = false;
  uint64_t pseudo_header_ = 0;  // sum over the addresses and the protocol, without the length
};

// Joins TCP segments that follow one another. To be flushed when no more is at hand.
class TcpMerger {
 public:
  // Gets every frame in its order. `header` is all zero for frames that are as they came.
  using Write = std::function<void(const VnetHeader& header, ByteView frame)>;
  explicit TcpMerger(Write write) : write_(std::move(write)) {}

  // A complete frame. Only what has right checksums and differs in nothing but its position in the stream is joined.
  void add(ByteView frame);
  void flush();

 private:
  struct Segment {
    size_t tcp = 0;      // where its header begins
    size_t headers = 0;  // bytes
    size_t size = 0;     // of the frame without padding
    bool v6 = false;
    bool push = false;
  };
  static std::optional<Segment> parse(ByteView frame);
  bool follows(ByteView frame, const Segment& segment) const;
  void finish(VnetHeader& header);

  Write write_;
  Bytes held_;  // empty: nothing
  Segment first_;
  size_t count_ = 0, segment_size_ = 0;
  uint32_t next_sequence_ = 0;
  uint16_t next_id_ = 0;
  bool closed_ = false;  // nothing may follow
};

}  // namespace weave::overlay
