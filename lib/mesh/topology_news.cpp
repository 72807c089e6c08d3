#include "mesh/topology_news.hpp"

#include <algorithm>
#include <utility>

namespace weave::mesh {

void TopologyNews::announce(PeerName peer, Time now) {
  to_announce_.insert(peer);
  if (!next_announcement_) next_announcement_ = now + kUpdateDelay;
}

TopologyNews::Names TopologyNews::take_announcement(Time now) {
  if (!next_announcement_ || *next_announcement_ > now) return {};
  next_announcement_.reset();
  return std::exchange(to_announce_, {});
}

bool TopologyNews::attribute_to(PeerName neighbour, Time now) {
  if (received_.empty()) return false;
  // The last neighbour that tells a change has the newest state of it.
  for (auto name : std::exchange(received_, {})) to_relay_[name] = neighbour;
  if (now - last_relay_ >= relay_every_) return true;
  if (!next_relay_) next_relay_ = last_relay_ + relay_every_;
  return false;
}

std::map<PeerName, TopologyNews::Names> TopologyNews::take_relay(Time now) {
  last_relay_ = now;
  next_relay_.reset();
  std::map<PeerName, Names> by_source;
  for (auto [name, from] : std::exchange(to_relay_, {})) by_source[from].insert(name);
  return by_source;
}

Time TopologyNews::next(Time latest) const {
  for (const auto& timer : {next_announcement_, next_relay_})
    if (timer) latest = std::min(latest, *timer);
  return latest;
}

}  // namespace weave::mesh
