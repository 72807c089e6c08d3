// The network card through which the sleeve meets the bridge, or the fast datapath: what is sent to this interface is
// read, what is written comes in at it. With virtio-net headers, so that neither side cuts large frames or fills in
// checksums before it has to.
#pragma once
#include <optional>
#include <string>

#include "base/fd.hpp"
#include "overlay/sleeve/trunk.hpp"

namespace weave::overlay {

class Tap {
 public:
  // Makes an interface with the MTU of `bridge`, and sets it up. It goes when this goes, or the process. Throws Error.
  Tap(const std::string& name, const std::string& bridge, TapPlace place);

  // To be polled for input.
  int fd() const { return fd_.get(); }
  // Reads one frame into `buffer`, header first, without waiting. Returns the frame's part of it, empty when there is
  // none.
  std::span<uint8_t> read(VnetHeader& header, std::span<uint8_t> buffer) const;
  // Puts the tags on and writes the frame; false when the kernel doesn't take it. Any thread.
  bool write(VnetHeader header, const TrunkTags& tags, ByteView frame) const;
  int index() const { return index_; }
  // The largest packet that the bridge takes, in bytes without Ethernet header, as it was at the start.
  uint16_t mtu() const { return mtu_; }

  // The largest that a frame may be, with its header.
  static constexpr size_t kMaxSize = 128 * 1024;

 private:
  UniqueFd fd_;
  int index_ = 0;  // of the interface
  uint16_t mtu_ = 0;
};

}  // namespace weave::overlay
