#include "overlay/sleeve/trunk.hpp"

namespace weave::overlay {

namespace {

constexpr size_t kMacs = 12, kTag = 4;
constexpr uint16_t kCustomer = 0x8100, kProvider = 0x88a8, kIdMask = 0xfff, kFlooded = 0x1000;
constexpr uint32_t kSecondsRemembered = 3, kTimeMask = 0xfffff;

// Not 0 when the clock begins, so that an entry of zeros is an old one.
uint32_t seconds(TrunkTable::Time now) {
  return static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count() + 4) &
         kTimeMask;
}

}  // namespace

std::optional<TrunkFrame> take_tags(VnetHeader& header, std::span<uint8_t> frame) {
  if (frame.size() < kEthernetHeader + kTag) return {};
  TrunkFrame out;
  size_t at = kMacs;
  if (get_u16(frame, at) == kProvider) {
    out.source = get_u16(frame, at + 2) & kIdMask;
    at += kTag;
    if (frame.size() < kEthernetHeader + 2 * kTag) return {};
  }
  if (get_u16(frame, at) != kCustomer) return {};
  out.destination = get_u16(frame, at + 2) & kIdMask;
  out.flooded = get_u16(frame, at + 2) & kFlooded;
  size_t size = at + kTag - kMacs;
  std::memmove(&frame[size], &frame[0], kMacs);
  out.frame = frame.subspan(size);
  auto back = [&](uint16_t& offset) { offset = static_cast<uint16_t>(offset > size ? offset - size : 0); };
  back(header.csum_start);
  back(header.header_size);
  return out;
}

TrunkTable::TrunkTable(const Topology& topology) : ids_(topology.ids) {
  for (const auto& [name, id] : ids_) names_.emplace(id, name);
}

void TrunkTable::brought(uint16_t source, uint16_t neighbour, Time now) const {
  auto& known = bringers_[source];
  uint32_t news = neighbour | seconds(now) << 12;
  if (known.load(std::memory_order_relaxed) != news) known.store(news, std::memory_order_relaxed);
}

bool TrunkTable::brought_by(uint16_t source, uint16_t neighbour, Time now) const {
  auto known = bringers_[source].load(std::memory_order_relaxed);
  return (known & kIdMask) == neighbour && ((seconds(now) - (known >> 12)) & kTimeMask) <= kSecondsRemembered;
}

std::optional<uint16_t> TrunkTable::id(PeerName name) const {
  auto found = ids_.find(name);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<PeerName> TrunkTable::name(uint16_t id) const {
  auto found = names_.find(id);
  return found == names_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace weave::overlay
