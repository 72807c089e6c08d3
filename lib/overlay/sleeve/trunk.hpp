// Sleeve below the fast datapath. The programs of the fast datapath decide where every frame goes; sleeve's TAP is then
// no port of the bridge, but their trunk to the peers that only sleeve reaches. VLAN tags behind the MACs say between
// which peers a frame travels, by short ids:
//
//     to | from | 8100 x | ...              from this host for peer x, or from peer x for this host
//     to | from | 88a8 s | 8100 d | ...     of peer s, relayed here
//
// Two tags come in when d is for another overlay to reach, or, for floods, this host; they come out when d, a neighbour
// in the case of floods, is for sleeve to reach. The copies of a flood bear the inner tag's DEI bit (0x1000). Tags of a
// container's own stand behind these.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <unordered_map>

#include "overlay/sleeve/forwarding.hpp"
#include "overlay/sleeve/segment.hpp"

namespace weave::overlay {

// Where sleeve's TAP is.
enum class TapPlace {
  kPort,  // of the bridge: sleeve decides itself where frames go
  kTrunk  // of the fast datapath
};

// Tags to be put on a frame; none by default.
class TrunkTags {
 public:
  TrunkTags() = default;
  // From `source` for this host.
  explicit TrunkTags(uint16_t source) : size_(4) { put(0, 0x8100, source); }
  TrunkTags(uint16_t source, uint16_t destination) : size_(8) {
    put(0, 0x88a8, source);
    put(4, 0x8100, destination);
  }
  ByteView bytes() const { return ByteView(bytes_).first(size_); }

  bool operator==(const TrunkTags&) const = default;

 private:
  void put(size_t at, uint16_t type, uint16_t id) {
    put_u16(bytes_, at, type);
    put_u16(bytes_, at + 2, id);
  }
  std::array<uint8_t, 8> bytes_{};
  size_t size_ = 0;
};

// A frame of the trunk without its tags.
struct TrunkFrame {
  std::optional<uint16_t> source;  // nothing: this host
  uint16_t destination = 0;
  bool flooded = false;
  std::span<uint8_t> frame;
};
// Takes the tags off in place, and has `header` point to the same bytes as before. Nothing when there are none.
std::optional<TrunkFrame> take_tags(VnetHeader& header, std::span<uint8_t> frame);

// Short IDs and names of peers, and who has brought floods. Replaced when the routes change.
class TrunkTable {
 public:
  using Time = std::chrono::steady_clock::time_point;
  explicit TrunkTable(const Topology& topology);

  std::optional<uint16_t> id(PeerName name) const;
  std::optional<PeerName> name(uint16_t id) const;

  // A neighbour has brought a frame of `source`. While routes change, peers may disagree about the tree that a flood
  // takes; sent back to the neighbour that has just brought it, it would loop. Any thread.
  void brought(uint16_t source, uint16_t neighbour, Time now) const;
  // Within the last seconds.
  bool brought_by(uint16_t source, uint16_t neighbour, Time now) const;

 private:
  std::unordered_map<PeerName, uint16_t> ids_;
  std::unordered_map<uint16_t, PeerName> names_;
  mutable std::array<std::atomic<uint32_t>, 4096> bringers_{};  // the neighbour below, and when
};

}  // namespace weave::overlay
