// The allocator as a user of the gossip layer.
#pragma once
#include <functional>

#include "gossip/channel.hpp"
#include "ipam/allocator.hpp"

namespace weave::ipam {

// The channel kChannelName. What it sends is the allocator's state at the moment of sending; so is what it passes
// on of a broadcast, as Weave Net does. `after` is called after each message taken in: requests may have been answered.
// The allocator has to outlive the channel; data that still waits in a mesh may outlive both.
gossip::Channel channel_of(Allocator& allocator, std::function<void()> after);

}  // namespace weave::ipam
