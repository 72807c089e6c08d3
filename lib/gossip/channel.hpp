// What a user of the gossip layer provides: topology itself, IP allocation, the names' database.
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "address/mac.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"

namespace weave::gossip {

// Something to be gossiped, turned into bytes only when a connection takes it. What waits for a busy connection is
// merged meanwhile, so that memory stays bounded and the newest state goes out. Immutable: many connections share one.
class GossipData {
 public:
  virtual ~GossipData() = default;
  // The payloads, one a message; often one, perhaps none.
  virtual std::vector<Bytes> encode() const = 0;
  // This one and a later one as one. `later` comes from the same channel.
  virtual std::shared_ptr<const GossipData> merged(const GossipData& later) const = 0;
  // Bytes that it keeps in memory; 0 when it only refers to the channel's state.
  virtual size_t held() const { return 0; }
};
using Gossip = std::shared_ptr<const GossipData>;  // null: nothing

// The functions may call back into Mesh (unicast, broadcast, ...). Their errors close the connection that the message
// came in on, with the text as reason: IP allocation relies on it to keep incompatible rings apart. A message that is
// merely useless should be dropped with a null instead.
struct Channel {
  // The complete state, or null.
  std::function<Gossip()> gossip;
  // Merges; returns what was new, to be passed on.
  std::function<Result<Gossip>(ByteView data)> on_gossip;
  // Merges; returns what is to be passed on along the broadcast's routes.
  std::function<Result<Gossip>(PeerName source, ByteView data)> on_broadcast;
  std::function<Result<void>(PeerName source, ByteView data)> on_unicast;
};

// Data that is bytes already; merging keeps both, up to a limit, beyond which the older go.
class OpaqueData : public GossipData {
 public:
  using Payloads = std::vector<std::shared_ptr<const Bytes>>;
  explicit OpaqueData(Bytes payload);
  explicit OpaqueData(Payloads payloads);
  std::vector<Bytes> encode() const override;
  Gossip merged(const GossipData& later) const override;
  size_t held() const override { return held_; }

  static constexpr size_t kMaxHeld = 4 * 1024 * 1024;
  static constexpr size_t kMaxPayloads = 1024;

 private:
  static size_t cost(const Bytes& payload) { return payload.size() + 64; }

  Payloads payloads_;
  size_t held_ = 0;
};

}  // namespace weave::gossip
