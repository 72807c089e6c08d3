#include "names/index.hpp"

#include <algorithm>
#include <tuple>

namespace weave::names {

namespace {

auto name_key(const auto& n) {
  return std::tie(n.name, n.origin, n.container);
}

}  // namespace

void Index::apply(const Entry& entry) {
  if (!entry.live()) return erase(entry);
  if (!encodable(entry.hostname)) return;
  auto name = canonical(entry.hostname);
  auto& names = by_address_[entry.address];
  Name reversed{name, entry.origin, entry.container, entry.hostname, entry.by_hand};
  auto at = std::lower_bound(names.begin(), names.end(), reversed,
                             [](const Name& a, const Name& b) { return name_key(a) < name_key(b); });
  if (at != names.end() && name_key(*at) == name_key(reversed)) {
    at->spelling = entry.hostname;
    at->by_hand = entry.by_hand;
    return;
  }
  names.insert(at, std::move(reversed));
  auto& targets = by_name_[name];
  Target target{entry.origin, entry.container, entry.address};
  targets.insert(std::lower_bound(targets.begin(), targets.end(), target), target);
  ++size_;
}

void Index::erase(const Entry& entry) {
  auto name = by_name_.find(canonical(entry.hostname));
  if (name == by_name_.end()) return;
  auto& targets = name->second;
  Target target{entry.origin, entry.container, entry.address};
  auto at = std::lower_bound(targets.begin(), targets.end(), target);
  if (at == targets.end() || *at != target) return;
  auto address = by_address_.find(entry.address);
  std::erase_if(address->second, [&](const Name& n) {
    return n.name == name->first && n.origin == entry.origin && n.container == entry.container;
  });
  if (address->second.empty()) by_address_.erase(address);
  targets.erase(at);
  if (targets.empty()) by_name_.erase(name);
  --size_;
}

void Index::clear() {
  by_name_.clear();
  by_address_.clear();
  size_ = 0;
}

std::span<const Index::Target> Index::lookup(std::string_view canonical_name) const {
  auto at = by_name_.find(canonical_name);
  if (at == by_name_.end()) return {};
  return at->second;
}

std::string_view Index::reverse(Ipv4 address) const {
  auto at = by_address_.find(address);
  if (at == by_address_.end()) return {};
  auto chosen = std::ranges::find_if(at->second, &Name::by_hand);
  return (chosen == at->second.end() ? at->second.front() : *chosen).spelling;
}

}  // namespace weave::names
