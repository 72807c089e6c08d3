#include "ipam/allocations.hpp"

#include <algorithm>

namespace weave::ipam {
namespace {

auto is(Ipv4 address) {
  return [address](const Allocation& one) { return one.cidr.address == address; };
}

}  // namespace

Allocations::Allocations(ByIdent stored) : by_ident_(std::move(stored)) {
  for (const auto& [ident, list] : by_ident_)
    for (const auto& one : list) holders_.emplace(one.cidr.address, ident);
}

std::span<const Allocation> Allocations::of(const std::string& ident) const {
  auto known = by_ident_.find(ident);
  if (known == by_ident_.end()) return {};
  return known->second;
}

bool Allocations::has(const std::string& ident, Ipv4 address) const {
  return std::ranges::any_of(of(ident), is(address));
}

bool Allocations::has_container(const std::string& ident) const {
  return std::ranges::any_of(of(ident), &Allocation::container);
}

std::optional<std::string> Allocations::holder(Ipv4 address) const {
  auto found = holders_.find(address);
  return found == holders_.end() ? std::nullopt : std::optional(found->second);
}

void Allocations::add(const std::string& ident, Allocation allocation) {
  by_ident_[ident].push_back(allocation);
  holders_.emplace(allocation.cidr.address, ident);
}

bool Allocations::remove(const std::string& ident, Ipv4 address) {
  auto known = by_ident_.find(ident);
  if (known == by_ident_.end()) return false;
  std::erase_if(known->second, is(address));
  if (known->second.empty()) by_ident_.erase(known);
  auto holder = holders_.find(address);
  if (holder == holders_.end() || holder->second != ident) return false;
  holders_.erase(holder);
  return true;
}

void Allocations::mark_container(const std::string& ident, Ipv4 address) {
  auto known = by_ident_.find(ident);
  if (known == by_ident_.end()) return;
  for (auto& one : known->second)
    if (one.cidr.address == address) one.container = true;
}

void Allocations::replace(const std::string& ident, std::vector<Allocation> list) {
  for (const auto& one : of(ident))
    if (auto holder = holders_.find(one.cidr.address); holder != holders_.end() && holder->second == ident)
      holders_.erase(holder);
  by_ident_.erase(ident);
  if (list.empty()) return;
  for (const auto& one : list) holders_.emplace(one.cidr.address, ident);
  by_ident_[ident] = std::move(list);
}

void Allocations::container_died(const std::string& ident, Time now) {
  if (has_container(ident)) died_[ident] = now;
}

std::vector<std::string> Allocations::expired(Time now) const {
  std::vector<std::string> list;
  for (const auto& [ident, died] : died_)
    if (now - died > kDeathGrace) list.push_back(ident);
  return list;
}

}  // namespace weave::ipam
