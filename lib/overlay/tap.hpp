// The network card through which the sleeve meets the bridge: what the bridge sends to this port is read, what is
// written comes in at it. With virtio-net headers, so that neither side cuts large frames or fills in checksums before
// it has to.
#pragma once
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "overlay/segment.hpp"

namespace weave::overlay {

class Tap {
 public:
  // Makes `name` a port of `bridge`, with its MTU, and sets it up. It goes when this goes, or the process. Throws
  // Error.
  Tap(const std::string& name, const std::string& bridge);

  // To be polled for input.
  int fd() const { return fd_.get(); }
  // Reads one frame into `buffer`, header first, without waiting. Answers the frame's part of it, empty when there is
  // none.
  std::span<uint8_t> read(VnetHeader& header, std::span<uint8_t> buffer) const;
  // False when the kernel doesn't take it. Any thread.
  bool write(const VnetHeader& header, ByteView frame) const;

  // The largest that a frame may be, with its header.
  static constexpr size_t max_size = 128 * 1024;

 private:
  UniqueFd fd_;
};

}  // namespace weave::overlay
