#include "ipam/ring.hpp"

#include <algorithm>
#include <map>

namespace weave::ipam {

Result<Ring> Ring::assemble(Ipv4Range range, PeerName self, std::vector<Entry> entries, std::vector<PeerName> seeds) {
  Ring ring(range, self);
  ring.entries_ = std::move(entries);
  ring.seeds_ = std::move(seeds);
  if (auto checked = ring.check(); !checked) return Refused(checked.error());
  return ring;
}

Result<void> Ring::check() const {
  if (!std::ranges::is_sorted(entries_, {}, &Entry::token)) return Refused("Ring not sorted");
  if (std::ranges::adjacent_find(entries_, {}, &Entry::token) != entries_.end())
    return Refused("Token appears twice in ring");
  if (entries_.empty()) return {};
  if (entries_.front().token < range_.start || entries_.back().token >= range_.end)
    return Refused("Token is out of range");
  for (size_t i = 0; i < entries_.size(); ++i) {
    uint32_t size = distance(entries_[i].token, next_token(i));
    if (entries_[i].free > size)
      return Refused(fmt::format("Entry {}-{} reporting too much free space: {} > {}", entries_[i].token.str(),
                                 next_token(i).str(), entries_[i].free, size));
  }
  return {};
}

uint32_t Ring::distance(Ipv4 from, Ipv4 to) const {
  return to > from ? to - from : (range_.end - from) + (to - range_.start);
}

size_t Ring::find(Ipv4 address) const {
  auto after = std::ranges::upper_bound(entries_, address, {}, &Entry::token);
  return after == entries_.begin() ? entries_.size() - 1 : static_cast<size_t>(after - entries_.begin()) - 1;
}

std::vector<Ipv4Range> Ring::ranges(size_t index) const {
  Ipv4 start = entries_[index].token, end = next_token(index);
  if (end == range_.start) end = range_.end;
  if (end > start) return {{start, end}};
  return {{range_.start, end}, {start, range_.end}};
}

void Ring::claim_for_peers(std::span<const PeerName> peers) {
  if (!entries_.empty() || peers.empty()) throw Error("divide the range: it is divided already, or among nobody");
  divide(range_, peers);
  seeds_.assign(peers.begin(), peers.end());
}

void Ring::divide(Ipv4Range range, std::span<const PeerName> peers) {
  uint32_t size = range.size();
  if (size == 0) return;
  if (size == 1 || peers.size() == 1) {
    entries_.push_back({range.start, peers.front(), 0, size});
    return;
  }
  size_t first = peers.size() / 2;
  Ipv4 middle = range.start + size / 2;
  divide({range.start, middle}, peers.first(first));
  divide({middle + size % 2, range.end}, peers.subspan(first));
}

void Ring::grant(Ipv4Range range, PeerName to) {
  auto ours = owned(self_);
  Ipv4 covered = range.start;
  for (auto mine : ours)
    if (mine.contains(covered)) covered = mine.end;
  if (range.start >= range.end || covered < range.end)
    throw Error(fmt::format("give away {}-{}: not all of it is ours", range.start.str(), range.end.str()));

  size_t before = find(range.start);
  uint32_t size = std::min(distance(range.start, next_token(before)), distance(range.start, range.end));
  size_t index = before;
  if (entries_[before].token == range.start) {
    entries_[before].peer = to;
    entries_[before].version += 1;
    entries_[before].free = size;
  } else {
    entries_[before].version += 1;
    entries_[before].free = distance(entries_[before].token, range.start);
    auto place = std::ranges::upper_bound(entries_, range.start, {}, &Entry::token);
    index = static_cast<size_t>(place - entries_.begin());
    entries_.insert(place, {range.start, to, 0, size});
  }
  for (size_t i = index + 1; i < entries_.size() && entries_[i].token < range.end; ++i) {
    entries_[i].peer = to;
    entries_[i].version += 1;
    entries_[i].free = std::min(entries_[i].free, distance(entries_[i].token, range.end));
  }
  Ipv4 end = range.end == range_.end ? range_.start : range.end;
  auto place = std::ranges::lower_bound(entries_, end, {}, &Entry::token);
  if (place != entries_.end() && place->token == end) return;
  Ipv4 next = place == entries_.end() ? entries_.front().token : place->token;
  entries_.insert(place, {end, self_, 0, distance(end, next)});
}

std::vector<Ipv4Range> Ring::transfer(PeerName from, PeerName to, uint32_t jump) {
  auto moved = owned(from);
  for (auto& entry : entries_) {
    if (entry.peer != from) continue;
    entry.peer = to;
    entry.version += jump;
  }
  return moved;
}

bool Ring::report_free(const std::function<uint32_t(Ipv4Range)>& free_in) {
  bool changed = false;
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].peer != self_) continue;
    uint32_t free = 0;
    for (auto range : ranges(i)) free += free_in(range);
    if (entries_[i].free == free) continue;
    entries_[i].free = free;
    entries_[i].version += 1;
    changed = true;
  }
  return changed;
}

void Ring::adjust_free(std::span<const std::pair<Ipv4, int>> changes) {
  std::map<size_t, int64_t> by_entry;
  if (entries_.empty()) return;
  for (auto [address, change] : changes) by_entry[find(address)] += change;
  for (auto [index, change] : by_entry) {
    auto& entry = entries_[index];
    if (entry.peer != self_ || change == 0) continue;
    entry.free = static_cast<uint32_t>(entry.free + change);
    entry.version += 1;
  }
}

PeerName Ring::owner(Ipv4 address) const {
  return entries_.empty() ? PeerName{} : entries_[find(address)].peer;
}

std::vector<Ipv4Range> Ring::owned(PeerName peer) const {
  std::vector<Ipv4Range> list;
  for (size_t i = 0; i < entries_.size(); ++i)
    if (entries_[i].peer == peer)
      for (auto range : ranges(i)) list.push_back(range);
  std::ranges::sort(list);
  return list;
}

std::vector<PeerName> Ring::owners() const {
  std::vector<PeerName> list;
  for (const auto& entry : entries_) list.push_back(entry.peer);
  std::ranges::sort(list);
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

std::vector<std::pair<PeerName, uint64_t>> Ring::donors(Ipv4Range range) const {
  std::vector<std::pair<PeerName, uint64_t>> list;
  for (size_t i = 0; i < entries_.size() && entries_[i].token < range.end; ++i) {
    const auto& entry = entries_[i];
    bool last = i + 1 == entries_.size();
    if ((!last && next_token(i) <= range.start) || entry.free == 0 || entry.peer == self_) continue;
    auto known = std::ranges::find(list, entry.peer, [](const auto& donor) { return donor.first; });
    if (known == list.end())
      list.emplace_back(entry.peer, entry.free);
    else
      known->second += entry.free;
  }
  return list;
}

std::optional<PeerName> Ring::heir(const std::function<bool(PeerName)>& suits) const {
  for (const auto& entry : entries_)
    if (entry.peer != self_ && suits(entry.peer)) return entry.peer;
  return std::nullopt;
}

}  // namespace weave::ipam
