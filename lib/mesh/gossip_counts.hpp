// How many messages of gossip went through the mesh, by channel.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace weave::mesh {

struct GossipCounts {
  uint64_t received = 0;
  uint64_t sent = 0;
};

// Channels that this router doesn't know are counted together: their names come from other peers.
inline constexpr std::string_view kOtherChannels = "other";

using GossipCountsByChannel = std::map<std::string, GossipCounts, std::less<>>;

}  // namespace weave::mesh
