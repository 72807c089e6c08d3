#include "host/repairs.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace weave::host {

bool Repairs::due(const std::string& item) const {
  std::lock_guard lock(mutex_);
  auto found = entries_.find(item);
  return found == entries_.end() || now_() >= found->second.next;
}

void Repairs::note(const std::string& item, Why why) {
  std::lock_guard lock(mutex_);
  auto now = now_();
  if (entries_.size() >= kMostItems)
    std::erase_if(entries_, [&](auto& one) { return now - one.second.last > kForget; });
  Entry unlisted;
  auto& entry = entries_.size() < kMostItems || entries_.contains(item) ? entries_[item] : unlisted;
  if (now - entry.last > kForget) entry.in_a_row = 0;
  ++entry.in_a_row;
  entry.last = now;
  if (why == Why::kRemoved) {
    ++entry.times;
    entry.last_wall = std::chrono::system_clock::now();
    if (entry.in_a_row <= kAtOnce) log::warning("restored what was removed from the host: item=\"{}\"", item);
  }
  if (entry.in_a_row <= kAtOnce) return;
  auto pause = kFirstPause * (1 << std::min(entry.in_a_row - kAtOnce - 1, 4));
  entry.next = now + std::min<Clock::duration>(pause, kLongest);
  if (entry.in_a_row == kAtOnce + 1)
    log::warning("another program changes it again and again, it is restored less often: item=\"{}\"", item);
}

bool Repairs::attempt(const std::string& item, const std::function<void()>& work) {
  if (!due(item)) return false;
  work();
  note(item);
  return true;
}

std::vector<Repairs::Repaired> Repairs::recent() const {
  std::lock_guard lock(mutex_);
  std::vector<Repaired> out;
  auto now = now_();
  for (const auto& [item, entry] : entries_)
    if (entry.times > 0 && now - entry.last < kShown) out.push_back({item, entry.times, entry.last_wall});
  std::ranges::stable_sort(out, std::greater(), &Repaired::last);
  return out;
}

}  // namespace weave::host
