// The topology as the fast datapath wants to know it.
#pragma once
#include "node/node.hpp"
#include "overlay/fastdp/io/datapath.hpp"

namespace weave::mesh {

// To be told to FastDatapath::update whenever NodeHooks says that topology, routes, short ids or connections changed.
overlay::FastDatapath::Topology data_topology(const Node& node);

}  // namespace weave::mesh
