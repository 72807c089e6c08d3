// Packs frames into UDP packets, and packets of equal size into batches that the kernel cuts apart again (UDP_SEGMENT),
// which costs one system call, one route look-up and one walk through the stack for up to 64 packets.
//
//     a stream's buffer:   | packet | packet | packet | record  record  ... room |
//                          └── a batch: equal sizes ──┘ └── the open packet
//
// A stream is a path's packets with or without "don't fragment". Frames join the open packet while it stays within what
// the path carries in one piece. A packet that isn't of the batch's size ends the batch: a smaller one as its last.
// Nothing waits: flush() ends all, and is called when no frame is at hand.
#pragma once
#include <functional>

#include "overlay/sleeve/tables.hpp"

namespace weave::overlay {

class Packer {
 public:
  // Sends `packets` (each `packet_size` long, the last perhaps shorter) to the path's remote address.
  using Transmit = std::function<void(const SleevePath& path, bool df, ByteView packets, size_t packet_size)>;
  explicit Packer(Transmit transmit) : transmit_(std::move(transmit)) {}

  // Room for a frame of `size` bytes, to be written before the next call; empty when no packet may be so large. `path`
  // must live until flush().
  std::span<uint8_t> add(const SleevePath& path, bool df, PeerName source, PeerName destination, size_t size);
  void flush();

  static constexpr size_t kMaxBatch = 64;  // packets; older kernels take no more

 private:
  struct Stream {
    const SleevePath* path = nullptr;
    bool df = false;
    Bytes buffer;
    size_t begin = 0;        // of the batch
    size_t open = 0;         // where the open packet begins, behind the batch
    size_t used = 0;         // bytes of the open packet; 0: there is none
    size_t count = 0;        // packets of the batch
    size_t packet_size = 0;  // of the batch's packets
  };
  static constexpr size_t kMaxStreams = 8;
  static constexpr size_t kBufferSize = 2 * 65536;

  Stream& stream(const SleevePath& path, bool df);
  void close(Stream& stream);
  void send(Stream& stream);

  Transmit transmit_;
  std::vector<Stream> streams_;
  size_t next_victim_ = 0;
};

}  // namespace weave::overlay
