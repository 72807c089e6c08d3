// What several tests of the allocator need.
#pragma once
#include "ipam/allocator.hpp"

namespace weave::ipam {

// As gossip of a peer that says only this.
inline void set_nickname(Allocator& ipam, PeerName peer, std::string nickname) {
  State state;
  state.nicknames[peer] = std::move(nickname);
  if (auto taken = ipam.on_state(encode_state(state), std::nullopt); !taken) throw Error(taken.error());
}

inline std::vector<std::string> allocations_waiting(const Allocator& ipam) {
  return ipam.report([](PeerName) { return true; }).pending_allocates;
}

}  // namespace weave::ipam
