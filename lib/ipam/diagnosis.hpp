// What the allocator's parts say about themselves: the report for status, and the differences to other peers' rings.
#pragma once
#include "ipam/core.hpp"
#include "ipam/report.hpp"

namespace weave::ipam {

// `can_reach`: whether the mesh has a route to a peer.
Report report(const Core& core, const std::function<bool(PeerName)>& can_reach);
// Everything that doesn't fit between this peer's ring and the others', seen from here; empty when they fit.
std::vector<Finding> diff(const Core& core);

}  // namespace weave::ipam
