#include "overlay/trunk.hpp"

namespace weave::overlay {

namespace {

constexpr size_t macs = 12, tag = 4;
constexpr uint16_t customer = 0x8100, provider = 0x88a8, id_mask = 0xfff, flooded = 0x1000;
constexpr uint32_t seconds_remembered = 3, time_mask = 0xfffff;

// Not 0 when the clock begins, so that an entry of zeros is an old one.
uint32_t seconds(TrunkTable::Time now) {
  return static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count() + 4) &
         time_mask;
}

}  // namespace

std::optional<TrunkFrame> take_tags(VnetHeader& header, std::span<uint8_t> frame) {
  if (frame.size() < ethernet_header + tag) return {};
  TrunkFrame out;
  size_t at = macs;
  if (get_u16(frame, at) == provider) {
    out.source = get_u16(frame, at + 2) & id_mask;
    at += tag;
    if (frame.size() < ethernet_header + 2 * tag) return {};
  }
  if (get_u16(frame, at) != customer) return {};
  out.destination = get_u16(frame, at + 2) & id_mask;
  out.flooded = get_u16(frame, at + 2) & flooded;
  size_t size = at + tag - macs;
  std::memmove(&frame[size], &frame[0], macs);
  out.frame = frame.subspan(size);
  auto back = [&](uint16_t& offset) { offset = static_cast<uint16_t>(offset > size ? offset - size : 0); };
  back(header.csum_start);
  back(header.header_size);
  return out;
}

TrunkTable::TrunkTable(const RouteTable& routes) : ids_(routes.ids) {
  for (const auto& [name, id] : ids_) names_.emplace(id, name);
}

void TrunkTable::brought(uint16_t source, uint16_t neighbour, Time now) const {
  auto& known = bringers_[source];
  uint32_t news = neighbour | seconds(now) << 12;
  if (known.load(std::memory_order_relaxed) != news) known.store(news, std::memory_order_relaxed);
}

bool TrunkTable::brought_by(uint16_t source, uint16_t neighbour, Time now) const {
  auto known = bringers_[source].load(std::memory_order_relaxed);
  return (known & id_mask) == neighbour && ((seconds(now) - (known >> 12)) & time_mask) <= seconds_remembered;
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
