#include "mesh/surrogate.hpp"

#include "base/log.hpp"

namespace weave::mesh {

OpaqueData::OpaqueData(std::vector<Bytes> payloads) : payloads_(std::move(payloads)) {
  for (const auto& payload : payloads_) held_ += payload.size();
}

Gossip OpaqueData::merged(const GossipData& later) const {
  auto all = payloads_;
  for (auto& payload : later.encode()) all.push_back(std::move(payload));
  size_t bytes = held_ + later.held(), drop = 0;
  while (bytes > max_held && drop + 1 < all.size()) bytes -= all[drop++].size();
  all.erase(all.begin(), all.begin() + static_cast<ptrdiff_t>(drop));
  return std::make_shared<OpaqueData>(std::move(all));
}

// Expired payloads are dropped when a new one is stored and not before, as in Weave Net: what is repeated without
// anything new is never passed on again.
void Surrogates::forget(Time now) {
  while (!ages_.empty() && now - ages_.front().since > remember_) {
    auto& oldest = ages_.front();
    auto at = seen_.find(oldest.channel);
    at->second.erase(oldest.data);
    if (at->second.empty()) seen_.erase(at);
    bytes_ -= oldest.data.size();
    ages_.pop_front();
  }
}

Gossip Surrogates::gossip(std::string_view channel, ByteView data, Time now) {
  Bytes payload(data.begin(), data.end());
  auto at = seen_.find(channel);
  if (at != seen_.end() && at->second.contains(payload)) return nullptr;
  forget(now);
  at = seen_.find(channel);
  bool room = (at != seen_.end() || seen_.size() < max_channels) && ages_.size() < max_payloads &&
              payload.size() <= max_bytes - bytes_;
  if (!room) {
    log::debug("no room to remember gossip of the unknown channel {}", channel);
    return nullptr;
  }
  if (at == seen_.end()) {
    log::info("[gossip {}]: created surrogate channel", channel);
    at = seen_.try_emplace(std::string(channel)).first;
  }
  at->second.insert(payload);
  bytes_ += payload.size();
  ages_.push_back({std::string(channel), payload, now});
  return std::make_shared<OpaqueData>(std::vector<Bytes>{std::move(payload)});
}

}  // namespace weave::mesh
