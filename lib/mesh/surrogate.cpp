#include "mesh/surrogate.hpp"

#include "base/log.hpp"

namespace weave::mesh {

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
  bool room = (at != seen_.end() || seen_.size() < kMaxChannels) && ages_.size() < kMaxPayloads &&
              payload.size() <= kMaxBytes - bytes_;
  if (!room) {
    log::debug("gossip of an unknown channel is not passed on, too many are known: channel={}", channel);
    return nullptr;
  }
  if (at == seen_.end()) {
    log::info("gossip of an unknown channel is passed on from now on: channel={}", channel);
    at = seen_.try_emplace(std::string(channel)).first;
  }
  at->second.insert(payload);
  bytes_ += payload.size();
  ages_.push_back({std::string(channel), payload, now});
  return std::make_shared<OpaqueData>(std::move(payload));
}

}  // namespace weave::mesh
