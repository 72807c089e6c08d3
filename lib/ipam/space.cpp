#include "ipam/space.hpp"

#include <bit>

namespace weave::ipam {

Ipv4Range biggest_cidr(Ipv4Range range) {
  uint32_t block = std::bit_floor(range.size());
  uint32_t beyond = range.start.value % block;
  uint32_t spare = range.size() - block;
  auto at = [&](uint32_t offset, uint32_t size) {
    return Ipv4Range{range.start + offset, range.start + offset + size};
  };
  if (beyond == 0) return at(0, block);
  if (block - beyond <= spare) return at(block - beyond, block);
  uint32_t half = block / 2;
  return half >= beyond ? at(half - beyond, half) : at(block - beyond, half);
}

std::vector<Ipv4Range> Space::update(std::span<const Ipv4Range> owned) {
  RangeSet now;
  for (auto range : owned) now.add(range);
  auto gained = now, lost = owned_;
  for (auto range : owned_.runs()) gained.remove(range);
  for (auto range : now.runs()) lost.remove(range);
  std::vector<Ipv4Range> stranded;
  for (auto range : lost.runs()) {
    free_.remove(range);
    for (auto run : used_.runs(range)) stranded.push_back(run);
  }
  for (auto range : gained.runs()) {
    free_.add(range);
    // An address that stayed in use while it belonged to another peer.
    for (auto run : used_.runs(range)) free_.remove(run);
  }
  owned_ = std::move(now);
  return stranded;
}

std::optional<Ipv4> Space::allocate(Ipv4Range range) {
  auto address = free_.first(range);
  if (!address) return std::nullopt;
  free_.remove({*address, *address + 1});
  used_.add({*address, *address + 1});
  return address;
}

Result<void> Space::claim(Ipv4 address) {
  if (!free_.contains(address)) return Refused(fmt::format("Address {} is not free to claim", address.str()));
  free_.remove({address, address + 1});
  used_.add({address, address + 1});
  return {};
}

void Space::hold(Ipv4 address) {
  free_.remove({address, address + 1});
  used_.add({address, address + 1});
}

Result<void> Space::free(Ipv4 address) {
  if (!used_.contains(address)) return Refused(fmt::format("Address {} is not ours", address.str()));
  used_.remove({address, address + 1});
  if (owned_.contains(address)) free_.add({address, address + 1});
  return {};
}

std::optional<Ipv4Range> Space::donate(Ipv4Range range) {
  std::optional<Ipv4Range> best;
  for (auto run : free_.runs(range)) {
    if (best && run.size() < best->size()) continue;
    auto block = biggest_cidr(run);
    if (!best || block.size() >= best->size()) best = block;
  }
  if (!best) return std::nullopt;
  if (best->size() > free_.size(range) / 2) best->start = best->start + best->size() / 2;
  free_.remove(*best);
  owned_.remove(*best);
  return best;
}

std::optional<Ipv4Range> Space::donate_useful(Ipv4Range range) {
  uint32_t size = range.size();
  bool subnet = size >= 4 && std::has_single_bit(size) && range.start.value % size == 0;
  auto block = donate(range);
  if (!subnet || !block || block->size() > 1) return block;
  if (block->start != range.start && block->end != range.end) return block;
  free_.add(*block);
  owned_.add(*block);
  return donate({range.start + 1, range.end + UINT32_MAX});
}

std::vector<Ipv4> Space::stranded(size_t limit) const {
  std::vector<Ipv4> list;
  if (used_.size() == active_count()) return list;
  for (auto run : used_.runs())
    for (Ipv4 address = run.start; address != run.end; address = address + 1) {
      if (owned_.contains(address)) continue;
      if (list.size() == limit) return list;
      list.push_back(address);
    }
  return list;
}

}  // namespace weave::ipam
