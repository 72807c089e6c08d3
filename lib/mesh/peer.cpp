#include "mesh/peer.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace weave::mesh {

const Link* Peer::link_to(PeerName to) const {
  auto at = std::lower_bound(links.begin(), links.end(), to, [](const Link& l, PeerName n) { return l.to < n; });
  return at != links.end() && at->to == to ? &*at : nullptr;
}

std::string Peer::str() const {
  return fmt::format("{}({})", name.str(), printable(nickname));
}

}  // namespace weave::mesh
