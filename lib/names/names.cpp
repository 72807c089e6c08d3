#include "names/names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace weave::names {

namespace {

// Versions come from outside, so the next one must not overflow.
int64_t next(int64_t version) {
  return version == std::numeric_limits<int64_t>::max() ? version : version + 1;
}

}  // namespace

int64_t clock_skew(int64_t timestamp, int64_t now) {
  int64_t skew = 0;
  if (!__builtin_sub_overflow(timestamp, now, &skew)) return skew;
  return timestamp < now ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

Database::Database(PeerName self, std::string_view domain) : self_(self), domain_(canonical(domain)) {}

Database::Key Database::key(const Entry& entry) const {
  return {lower(entry.hostname), entry.origin, entry.container, entry.address};
}

Result<Entries> Database::add(std::string_view hostname, std::string_view container, Ipv4 address, bool by_hand) {
  if (auto reason = refusal(hostname, domain_); !reason.empty())
    return Refused(fmt::format("can't register the name \"{}\": {}", hostname, reason));
  Entry fresh{canonical(hostname), self_, std::string(container), address};
  auto [at, inserted] = entries_.try_emplace(key(fresh), fresh);
  auto& entry = at->second;
  if (inserted) {
    ++per_peer_[self_];
  } else if (!entry.live()) {
    entry.tombstone = 0;
    entry.version = next(entry.version);
  }
  entry.by_hand = by_hand;
  index_.apply(entry);
  ++revision_;
  return Entries{entry};
}

Entries Database::remove(const Which& which, int64_t now) {
  std::optional<std::string> name;
  if (which.hostname) name = canonical(*which.hostname);
  Entries changed;
  for (auto& [k, entry] : entries_) {
    if (entry.origin != self_ || !entry.live()) continue;
    if (name && std::get<0>(k) != *name) continue;
    if (which.container && entry.container != *which.container) continue;
    if (which.address && entry.address != *which.address) continue;
    entry.tombstone = now;
    entry.version = next(entry.version);
    index_.apply(entry);
    ++revision_;
    changed.push_back(entry);
  }
  return for_sending(std::move(changed));
}

Entries Database::container_died(std::string_view container, int64_t now) {
  return remove({.container = std::string(container)}, now);
}

Entries Database::peer_gone(PeerName peer) {
  Entries dropped;
  for (auto at = entries_.begin(); at != entries_.end();) {
    if (at->second.origin != peer) {
      ++at;
      continue;
    }
    if (at->second.live()) {
      index_.erase(at->second);
      dropped.push_back(std::move(at->second));
    }
    at = entries_.erase(at);
    ++revision_;
  }
  per_peer_.erase(peer);
  return dropped;
}

size_t Database::collect(int64_t now) {
  return std::erase_if(entries_, [&](const auto& pair) {
    auto& entry = pair.second;
    if (entry.live() || entry.tombstone > now || now - entry.tombstone <= kTombstoneLife) return false;
    --per_peer_[entry.origin];
    ++revision_;
    return true;
  });
}

bool Database::merge(const Entry& incoming) {
  auto [at, inserted] = entries_.try_emplace(key(incoming), incoming);
  if (inserted)
    ++per_peer_[incoming.origin];
  else if (wins(incoming, at->second))
    at->second = incoming;  // with its spelling: the others will hold it under that
  else
    return false;
  index_.apply(at->second);
  ++revision_;
  return true;
}

Result<Received> Database::receive(const Entries& incoming, int64_t timestamp, int64_t now,
                                   const std::function<bool(PeerName)>& known) {
  if (auto skew = clock_skew(timestamp, now); skew > kMaxClockSkew || skew < -kMaxClockSkew) {
    return Refused(fmt::format("host clock skew of {}s exceeds {}s limit", skew, kMaxClockSkew));
  }
  Received result;
  for (const auto& entry : incoming) {
    if (!known(entry.origin)) continue;
    if (entry.hostname.size() > kMaxGossipText || entry.container.size() > kMaxGossipText) continue;
    result.relay.push_back(entry);
  }
  result.relay = for_sending(std::move(result.relay));

  for (auto& entry : result.relay) {
    if (entry.origin != self_) continue;
    auto at = entries_.find(key(entry));
    if (at != entries_.end()) {
      auto& ours = at->second;
      if (ours.version > entry.version || (ours.version == entry.version && ours.tombstone == entry.tombstone))
        continue;
      entry.tombstone = ours.tombstone;
    } else {
      if (!entry.live()) continue;
      entry.tombstone = now;  // from a life before our restart
    }
    entry.version = next(entry.version);
    result.overridden.push_back(entry);
  }

  for (const auto& entry : result.relay) {
    auto count = per_peer_.find(entry.origin);
    bool full = (count != per_peer_.end() && count->second >= kMaxEntriesPerPeer) ||
                (entries_.size() >= kMaxEntries && entry.origin != self_);
    if (full && !entries_.contains(key(entry))) continue;
    if (merge(entry)) result.changed.push_back(entry);
  }
  return result;
}

Entries Database::gossip() const {
  return for_sending(entries());
}

Entries Database::entries() const {
  Entries all;
  all.reserve(entries_.size());
  for (const auto& [k, entry] : entries_) all.push_back(entry);
  return all;
}

Entries Database::own_live_entries() const {
  Entries own;
  for (const auto& [k, entry] : entries_)
    if (entry.origin == self_ && entry.live()) own.push_back(entry);
  return own;
}

std::vector<Ipv4> Database::lookup(std::string_view name) const {
  std::vector<Ipv4> addresses;
  for (const auto& target : index_.lookup(canonical(name))) addresses.push_back(target.address);
  return addresses;
}

std::optional<std::string> Database::reverse(Ipv4 address) const {
  auto name = index_.reverse(address);
  if (name.empty()) return std::nullopt;
  return std::string(name);
}

size_t Database::live() const {
  return std::count_if(entries_.begin(), entries_.end(), [](const auto& pair) { return pair.second.live(); });
}

size_t Database::own_live() const {
  return std::count_if(entries_.begin(), entries_.end(),
                       [&](const auto& pair) { return pair.second.live() && pair.second.origin == self_; });
}

}  // namespace weave::names
