#include "ipam/work.hpp"

namespace weave::ipam {

void Allocator::Work::file(const std::string& ident, Held held) {
  touch(ident);
  a_.owned_[ident].push_back(held);
  a_.holders_.emplace(held.cidr.address, ident);
}

void Allocator::Work::mark_container(const std::string& ident, Ipv4 address) {
  touch(ident);
  for (auto& held : a_.owned_[ident])
    if (held.cidr.address == address) held.container = true;
}

void Allocator::Work::unfile(const std::string& ident, Ipv4 address, bool give_back) {
  touch(ident);
  auto& list = a_.owned_[ident];
  std::erase_if(list, [&](const Held& held) { return held.cidr.address == address; });
  if (list.empty()) a_.owned_.erase(ident);
  auto holder = a_.holders_.find(address);
  if (holder == a_.holders_.end() || holder->second != ident) return;
  a_.holders_.erase(holder);
  if (give_back && a_.space_.free(address)) freed_.push_back(address);
}

void Allocator::Work::ring_changed() {
  a_.space_.update(a_.ring_.owned(a_.config_.self));
  other_ranges_ = true;
}

void Allocator::Work::commit() {
  if (other_ranges_) {
    a_.ring_.report_free([&](Ipv4Range range) { return a_.space_.free_count(range); });
  } else {
    std::vector<std::pair<Ipv4, int>> changes;
    for (auto address : taken_) changes.emplace_back(address, -1);
    for (auto address : freed_) changes.emplace_back(address, 1);
    a_.ring_.adjust_free(changes);
  }
  std::vector<Change> list;
  if (!a_.keep_stored_ring_) {
    list = changes(a_.stored_ring_, a_.ring_);
    if (a_.election_stored_ && !a_.ring_.empty()) list.push_back(election_change({}));
  }
  for (const auto& [ident, before] : before_) {
    auto now = a_.owned_.find(ident);
    list.push_back(owned_change(ident, now == a_.owned_.end() ? std::span<const Held>() : now->second));
  }
  if (!a_.ring_.empty()) a_.left_.reset();
  if (a_.left_ != a_.stored_left_) list.push_back(left_change(a_.left_));
  if (!list.empty()) a_.save_(list);
  a_.stored_left_ = a_.left_;
  if (!a_.keep_stored_ring_) {
    a_.stored_ring_ = a_.ring_;
    if (!a_.ring_.empty()) a_.election_stored_ = false;
  }
  if (other_ranges_ || !freed_.empty()) a_.stale_ = true;
  if (free_before_ == 0 && !freed_.empty()) a_.announce_ = true;
  done_ = true;
}

void Allocator::Work::touch(const std::string& ident) {
  auto found = a_.owned_.find(ident);
  before_.try_emplace(ident, found == a_.owned_.end() ? std::vector<Held>() : found->second);
}

void Allocator::Work::roll_back() {
  for (auto address : taken_) a_.space_.free(address);
  for (auto address : freed_) a_.space_.hold(address);
  a_.ring_ = std::move(ring_);
  a_.left_ = std::move(left_);
  if (other_ranges_) ring_changed();
  for (const auto& [ident, before] : before_) {
    std::erase_if(a_.holders_, [&](const auto& filed) { return filed.second == ident; });
    a_.owned_.erase(ident);
  }
  for (auto& [ident, before] : before_) {
    if (before.empty()) continue;
    for (const auto& held : before) a_.holders_.emplace(held.cidr.address, ident);
    a_.owned_[ident] = std::move(before);
  }
}

}  // namespace weave::ipam
