#include "ipam/range_set.hpp"

#include <algorithm>

namespace weave::ipam {

std::map<Ipv4, Ipv4>::const_iterator RangeSet::reaching(Ipv4 address) const {
  auto run = runs_.upper_bound(address);
  if (run != runs_.begin() && std::prev(run)->second > address) --run;
  return run;
}

void RangeSet::add(Ipv4Range range) {
  if (range.start >= range.end) return;
  auto run = runs_.upper_bound(range.start);
  if (run != runs_.begin() && std::prev(run)->second >= range.start) --run;
  // Swallow every run that overlaps or touches.
  while (run != runs_.end() && run->first <= range.end) {
    range.start = std::min(range.start, run->first);
    range.end = std::max(range.end, run->second);
    size_ -= run->second - run->first;
    run = runs_.erase(run);
  }
  runs_.emplace(range.start, range.end);
  size_ += range.size();
}

void RangeSet::remove(Ipv4Range range) {
  if (range.start >= range.end) return;
  auto run = reaching(range.start);
  while (run != runs_.end() && run->first < range.end) {
    auto [start, end] = *run;
    size_ -= end - start;
    run = runs_.erase(run);
    if (start < range.start) {
      runs_.emplace(start, range.start);
      size_ += range.start - start;
    }
    if (range.end < end) {
      runs_.emplace(range.end, end);
      size_ += end - range.end;
      break;
    }
  }
}

void RangeSet::clear() {
  runs_.clear();
  size_ = 0;
}

bool RangeSet::contains(Ipv4 address) const {
  auto run = reaching(address);
  return run != runs_.end() && run->first <= address;
}

uint32_t RangeSet::size(Ipv4Range range) const {
  uint32_t total = 0;
  for (auto run = reaching(range.start); run != runs_.end() && run->first < range.end; ++run)
    total += std::min(run->second, range.end) - std::max(run->first, range.start);
  return total;
}

std::optional<Ipv4> RangeSet::first(Ipv4Range range) const {
  auto run = reaching(range.start);
  if (run == runs_.end() || std::max(run->first, range.start) >= range.end) return std::nullopt;
  return std::max(run->first, range.start);
}

std::vector<Ipv4Range> RangeSet::runs() const {
  std::vector<Ipv4Range> list;
  for (auto [start, end] : runs_) list.push_back({start, end});
  return list;
}

std::vector<Ipv4Range> RangeSet::runs(Ipv4Range range) const {
  std::vector<Ipv4Range> list;
  for (auto run = reaching(range.start); run != runs_.end() && run->first < range.end; ++run)
    list.push_back({std::max(run->first, range.start), std::min(run->second, range.end)});
  return list;
}

}  // namespace weave::ipam
