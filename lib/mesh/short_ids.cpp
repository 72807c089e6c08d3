#include "mesh/short_ids.hpp"

namespace weave::mesh {

uint64_t random_below(const Random& random, uint64_t below) {
  // Numbers from the last, incomplete round are drawn again.
  uint64_t limit = UINT64_MAX - UINT64_MAX % below;
  for (;;)
    if (uint64_t number = random(); number < limit) return number % below;
}

bool ShortIds::add(ShortId id, PeerName peer) {
  auto [at, fresh] = peers_.try_emplace(id);
  at->second.insert(peer);
  return !fresh && *at->second.begin() == peer;
}

bool ShortIds::remove(ShortId id, PeerName peer) {
  auto at = peers_.find(id);
  if (at == peers_.end() || at->second.empty()) return false;
  bool owned = *at->second.begin() == peer;
  at->second.erase(peer);
  return owned && !at->second.empty();
}

std::optional<PeerName> ShortIds::owner(ShortId id) const {
  auto at = peers_.find(id);
  if (at == peers_.end() || at->second.empty()) return std::nullopt;
  return *at->second.begin();
}

std::optional<ShortId> ShortIds::choose(const Random& random) const {
  for (int i = 0; i < 10; ++i)
    if (auto id = static_cast<ShortId>(random_below(random, kMaxShortId + 1)); !owner(id)) return id;
  std::vector<ShortId> free;
  for (ShortId id = 0; id <= kMaxShortId; ++id)
    if (!owner(id)) free.push_back(id);
  if (free.empty()) return std::nullopt;
  return free[random_below(random, free.size())];
}

}  // namespace weave::mesh
