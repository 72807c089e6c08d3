#include "ipam/troubles.hpp"

#include <algorithm>

namespace weave::ipam {
namespace {

constexpr size_t kMaxTexts = 16;
constexpr size_t kMaxRings = 64;

}  // namespace

void Troubles::note(std::string text, Time now) {
  if (texts_.size() >= kMaxTexts && !texts_.contains(text))
    texts_.erase(std::ranges::min_element(texts_, {}, [](const auto& one) { return one.second; }));
  texts_[std::move(text)] = now;
}

std::vector<std::string> Troubles::recent(Time now) const {
  std::vector<std::string> list;
  for (const auto& [text, when] : texts_)
    if (now - when <= kTroubleLasts) list.push_back(text);
  return list;
}

void Troubles::note_ring(PeerName peer, ForeignRing ring) {
  if (rings_.size() >= kMaxRings && !rings_.contains(peer))
    rings_.erase(std::ranges::min_element(rings_, {}, [](const auto& one) { return one.second.when; }));
  rings_[peer] = std::move(ring);
}

void Troubles::forget_ring(PeerName peer) {
  auto known = rings_.find(peer);
  if (known == rings_.end()) return;
  texts_.erase(known->second.text);
  rings_.erase(known);
}

void Troubles::forget_rings() {
  while (!rings_.empty()) forget_ring(rings_.begin()->first);
}

std::map<PeerName, Troubles::ForeignRing> Troubles::rings(Time now) const {
  auto list = rings_;
  std::erase_if(list, [&](const auto& one) { return now - one.second.when > kRingLasts; });
  return list;
}

bool Troubles::is_about_a_ring(const std::string& text) const {
  return std::ranges::any_of(rings_, [&](const auto& one) { return one.second.text == text; });
}

}  // namespace weave::ipam
