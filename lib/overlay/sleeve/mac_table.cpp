#include "overlay/sleeve/mac_table.hpp"

#include <random>

namespace weave::overlay {

namespace {

uint64_t number(const Mac& mac) {
  return PeerName::from(mac).value;
}

uint16_t minute(MacTable::Time now) {
  return static_cast<uint16_t>(std::chrono::floor<std::chrono::minutes>(now.time_since_epoch()).count());
}

uint64_t pack(PeerName peer, uint16_t minute) {
  return peer.value << 16 | minute;
}
PeerName peer_of(uint64_t packed) {
  return {packed >> 16};
}
uint16_t age_of(uint64_t packed, uint16_t now) {
  auto age = static_cast<uint16_t>(now - static_cast<uint16_t>(packed));
  // Another thread may have read the clock a moment later than we.
  return age == UINT16_MAX ? 0 : age;
}
bool old(uint64_t packed, uint16_t now) {
  return age_of(packed, now) > MacTable::kMaxAge.count();
}

}  // namespace

MacTable::MacTable() : buckets_(std::make_unique<Bucket[]>(kBuckets)), seed_(std::random_device()() | 1u) {}

MacTable::Bucket& MacTable::bucket(uint64_t mac) const {
  // Keyed, so that a sender cannot choose MACs that share a bucket.
  uint64_t hash = (mac ^ seed_) * 0x9e3779b97f4a7c15;
  hash ^= hash >> 32;
  hash = (hash + seed_) * 0xd6e8feb86659fd93;
  return buckets_[(hash >> 32) % kBuckets];
}

std::optional<PeerName> MacTable::find(const Mac& mac, Time now) const {
  uint64_t key = number(mac);
  const auto& entries = bucket(key);
  for (size_t i = 0; i < kWays; ++i) {
    if (entries.macs[i].load(std::memory_order_acquire) != key) continue;
    uint64_t packed = entries.peers[i].load(std::memory_order_acquire);
    if (entries.macs[i].load(std::memory_order_acquire) != key || old(packed, minute(now))) return std::nullopt;
    return peer_of(packed);
  }
  return std::nullopt;
}

std::optional<PeerName> MacTable::learn(const Mac& mac, PeerName peer, Time now) {
  uint64_t key = number(mac);
  if (key == 0) return std::nullopt;
  auto& entries = bucket(key);
  auto packed = pack(peer, minute(now));
  for (size_t i = 0; i < kWays; ++i)
    if (entries.macs[i].load(std::memory_order_acquire) == key &&
        entries.peers[i].load(std::memory_order_relaxed) == packed)
      return std::nullopt;

  std::lock_guard lock(writing_);
  size_t place = 0;
  uint32_t best = 0;
  for (size_t i = 0; i < kWays; ++i) {
    uint64_t there = entries.macs[i].load(std::memory_order_relaxed);
    uint64_t known = entries.peers[i].load(std::memory_order_relaxed);
    if (there == key) {
      entries.peers[i].store(packed, std::memory_order_release);
      return old(known, minute(now)) || peer_of(known) == peer ? std::nullopt : std::optional(peer_of(known));
    }
    // A free place is better than any age.
    uint32_t worth = there == 0 ? UINT32_MAX : 1u + age_of(known, minute(now));
    if (worth > best) {
      best = worth;
      place = i;
    }
  }
  entries.macs[place].store(0, std::memory_order_release);
  entries.peers[place].store(packed, std::memory_order_release);
  entries.macs[place].store(key, std::memory_order_release);
  return std::nullopt;
}

void MacTable::remove_if(const std::function<bool(uint64_t packed)>& gone) {
  std::lock_guard lock(writing_);
  for (size_t b = 0; b < kBuckets; ++b)
    for (size_t i = 0; i < kWays; ++i)
      if (buckets_[b].macs[i].load(std::memory_order_relaxed) != 0 &&
          gone(buckets_[b].peers[i].load(std::memory_order_relaxed)))
        buckets_[b].macs[i].store(0, std::memory_order_release);
}

void MacTable::forget(PeerName peer) {
  remove_if([&](uint64_t packed) { return peer_of(packed) == peer; });
}

void MacTable::expire(Time now) {
  remove_if([&](uint64_t packed) { return old(packed, minute(now)); });
}

std::vector<MacTable::Entry> MacTable::entries(Time now) const {
  std::vector<Entry> out;
  for (size_t b = 0; b < kBuckets; ++b)
    for (size_t i = 0; i < kWays; ++i) {
      uint64_t mac = buckets_[b].macs[i].load(std::memory_order_acquire);
      uint64_t packed = buckets_[b].peers[i].load(std::memory_order_acquire);
      if (mac == 0 || old(packed, minute(now))) continue;
      out.push_back({PeerName{mac}.mac(), peer_of(packed), std::chrono::minutes(age_of(packed, minute(now)))});
    }
  return out;
}

}  // namespace weave::overlay
