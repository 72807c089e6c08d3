#include "node/data_topology.hpp"

namespace weave::mesh {

overlay::FastDatapath::Topology data_topology(const Node& node) {
  const auto& peers = node.mesh().peers();
  const auto& routes = node.mesh().routes();
  overlay::FastDatapath::Topology out;
  out.self = peers.self().name;
  for (const auto& [name, peer] : peers.table()) {
    // Two may claim an id for a while.
    if (!peer.short_id || peers.short_ids().owner(*peer.short_id) != name) continue;
    out.ids[name] = *peer.short_id;
    out.broadcast[name] = routes.broadcast(name, Edges::kEstablished);
    auto next = routes.next_hop(name, Edges::kEstablished);
    if (next.value != 0) out.next_hop[name] = next;
  }
  for (const auto& connection : node.status().connections)
    if (connection.peer.value != 0 && !connection.overlay.empty())
      out.neighbours[connection.peer] = connection.overlay == "fastdp";
  return out;
}

}  // namespace weave::mesh
