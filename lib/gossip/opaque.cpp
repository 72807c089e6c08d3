#include "gossip/channel.hpp"

namespace weave::gossip {

OpaqueData::OpaqueData(Bytes payload) : OpaqueData(Payloads{std::make_shared<const Bytes>(std::move(payload))}) {}

OpaqueData::OpaqueData(Payloads payloads) : payloads_(std::move(payloads)) {
  for (const auto& payload : payloads_) held_ += cost(*payload);
}

std::vector<Bytes> OpaqueData::encode() const {
  std::vector<Bytes> list;
  for (const auto& payload : payloads_) list.push_back(*payload);
  return list;
}

Gossip OpaqueData::merged(const GossipData& later) const {
  const auto& more = dynamic_cast<const OpaqueData&>(later);
  auto both = payloads_;
  both.insert(both.end(), more.payloads_.begin(), more.payloads_.end());
  size_t held = held_ + more.held_, drop = 0;
  while (drop + 1 < both.size() && (held > kMaxHeld || both.size() - drop > kMaxPayloads)) held -= cost(*both[drop++]);
  both.erase(both.begin(), both.begin() + static_cast<ptrdiff_t>(drop));
  return std::make_shared<OpaqueData>(std::move(both));
}

}  // namespace weave::gossip
