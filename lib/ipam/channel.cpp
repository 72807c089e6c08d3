#include "ipam/channel.hpp"

namespace weave::ipam {
namespace {

// Only says that the state is to go: two of them are one.
class StateData : public gossip::GossipData, public std::enable_shared_from_this<StateData> {
 public:
  explicit StateData(std::weak_ptr<const Allocator*> allocator) : allocator_(std::move(allocator)) {}

  std::vector<Bytes> encode() const override {
    auto allocator = allocator_.lock();
    if (!allocator) return {};
    auto state = (*allocator)->state();
    if (!state) return {};
    return {std::move(*state)};
  }
  gossip::Gossip merged(const gossip::GossipData&) const override { return shared_from_this(); }

 private:
  std::weak_ptr<const Allocator*> allocator_;  // gone with the channel
};

}  // namespace

gossip::Channel channel_of(Allocator& allocator, std::function<void()> after) {
  auto alive = std::make_shared<const Allocator*>(&allocator);
  auto state = std::make_shared<const StateData>(alive);
  auto taken = [after = std::move(after)](Result<void> result, gossip::Gossip pass_on) -> Result<gossip::Gossip> {
    if (after) after();
    if (!result) return Refused(result.error());
    return pass_on;
  };
  gossip::Channel channel;
  channel.gossip = [alive, state] { return gossip::Gossip(state); };
  channel.on_gossip = [&allocator, taken](ByteView data) {
    return taken(allocator.on_state(data, std::nullopt), nullptr);
  };
  channel.on_broadcast = [&allocator, taken, state](PeerName source, ByteView data) {
    return taken(allocator.on_state(data, source), state);
  };
  channel.on_unicast = [&allocator, taken](PeerName source, ByteView data) -> Result<void> {
    if (auto done = taken(allocator.on_unicast(source, data), nullptr); !done) return Refused(done.error());
    return {};
  };
  return channel;
}

}  // namespace weave::ipam
