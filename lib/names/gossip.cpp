#include "names/gossip.hpp"

#include "base/log.hpp"

namespace weave::names {
namespace {

constexpr int64_t kSkewMemory = 600;   // seconds that a skew is shown after its last message
constexpr int64_t kLogInterval = 300;  // seconds between lines about the same thing
constexpr size_t kMaxSkewedPeers = 64;

using Clock = std::function<int64_t()>;

// Entries are unique and stay so over the cuts: a receiver may see all messages as one.
std::vector<Bytes> in_messages(int64_t timestamp, const Entries& entries) {
  std::vector<Bytes> messages;
  auto at = entries.begin();
  do {
    size_t size = 0;
    auto end = at;
    while (end != entries.end() && (end == at || size + wire_size(*end) <= kMaxPayload)) size += wire_size(*end++);
    messages.push_back(encode({timestamp, Entries(at, end)}));
    at = end;
  } while (at != entries.end());
  return messages;
}

class WholeState : public gossip::GossipData {
 public:
  WholeState(const Database& database, Clock now) : database_(database), now_(std::move(now)) {}

  std::vector<Bytes> encode() const override {
    // Several neighbours get the same bytes.
    auto timestamp = now_();
    if (encoded_.empty() || revision_ != database_.revision() || timestamp_ != timestamp) {
      encoded_ = in_messages(timestamp, database_.gossip());
      revision_ = database_.revision();
      timestamp_ = timestamp;
    }
    return encoded_;
  }
  // Whatever else there is to say is in the database.
  gossip::Gossip merged(const gossip::GossipData&) const override { return whole_state(database_, now_); }

 private:
  const Database& database_;
  Clock now_;
  mutable std::vector<Bytes> encoded_;
  mutable uint64_t revision_ = 0;
  mutable int64_t timestamp_ = 0;
};

class Update : public gossip::GossipData {
 public:
  Update(const Database& database, Clock now, int64_t timestamp, Entries entries)
      : database_(database), now_(std::move(now)), timestamp_(timestamp), entries_(for_sending(std::move(entries))) {
    for (const auto& entry : entries_) held_ += sizeof(Entry) + wire_size(entry);
  }

  std::vector<Bytes> encode() const override { return in_messages(timestamp_, entries_); }

  gossip::Gossip merged(const gossip::GossipData& later) const override {
    const auto* more = dynamic_cast<const Update*>(&later);
    if (!more || held_ + more->held_ > kMaxUpdate) return whole_state(database_, now_);
    return update(database_, now_, std::max(timestamp_, more->timestamp_), combine(entries_, more->entries_));
  }

  size_t held() const override { return held_; }

 private:
  const Database& database_;
  Clock now_;
  int64_t timestamp_;
  Entries entries_;
  size_t held_ = 0;
};

std::string who(PeerName peer) {
  return peer.value ? peer.str() : "a neighbour";
}

}  // namespace

gossip::Gossip update(const Database& database, const Clock& now, int64_t timestamp, Entries entries) {
  return std::make_shared<Update>(database, now, timestamp, std::move(entries));
}

gossip::Gossip whole_state(const Database& database, const Clock& now) {
  return std::make_shared<WholeState>(database, now);
}

Gossiper::Gossiper(Database& database, GossipHooks hooks) : database_(database), hooks_(std::move(hooks)) {}

gossip::Channel Gossiper::channel() {
  gossip::Channel channel;
  channel.gossip = [this] { return whole_state(database_, hooks_.now); };
  // What was new goes on, as news of ours.
  channel.on_gossip = [this](ByteView data) -> Result<gossip::Gossip> {
    auto taken = take_in(hooks_.neighbour ? hooks_.neighbour() : PeerName{}, data);
    if (!taken || taken->received.changed.empty()) return nullptr;
    return update(database_, hooks_.now, hooks_.now(), std::move(taken->received.changed));
  };
  // All of it goes on, new or not, because those behind us may not have heard it; with the time of its origin, so that
  // each peer on the way judges the same clock.
  channel.on_broadcast = [this](PeerName source, ByteView data) -> Result<gossip::Gossip> {
    auto taken = take_in(source, data);
    if (!taken || taken->received.relay.empty()) return nullptr;
    return update(database_, hooks_.now, taken->timestamp, std::move(taken->received.relay));
  };
  channel.on_unicast = [](PeerName, ByteView) -> Result<void> { return {}; };
  return channel;
}

std::optional<Gossiper::Taken> Gossiper::take_in(PeerName from, ByteView data) {
  ++received_;
  auto now = hooks_.now();
  auto message = decode(data);
  if (!message) {
    ++malformed_;
    if (now - malformed_logged_ >= kLogInterval)
      log::warning("names of a peer are dropped, they cannot be decoded: peer={} reason={}", who(from),
                   message.error());
    if (now - malformed_logged_ >= kLogInterval) malformed_logged_ = now;
    return std::nullopt;
  }
  auto skew = clock_skew(message->timestamp, now);
  auto received = database_.receive(message->entries, message->timestamp, now, hooks_.known);
  if (!received) {
    ++skewed_;
    note_skew(from, skew, now);
    return std::nullopt;
  }
  if (from.value) skews_.erase(from);
  if (!received->overridden.empty())
    hooks_.broadcast(update(database_, hooks_.now, now, std::move(received->overridden)));
  if (!received->changed.empty() && hooks_.changed) hooks_.changed(received->changed);
  return Taken{message->timestamp, std::move(*received)};
}

void Gossiper::note_skew(PeerName peer, int64_t seconds, int64_t now) {
  std::erase_if(skews_, [&](const auto& pair) { return now - pair.second.seen > kSkewMemory; });
  auto at = skews_.find(peer);
  if (at == skews_.end()) {
    if (skews_.size() >= kMaxSkewedPeers) return;
    at = skews_.try_emplace(peer).first;
    at->second.peer = peer;
    at->second.logged = now - kLogInterval;
  }
  auto& seen = at->second;
  seen.seconds = seconds;
  seen.seen = now;
  if (now - seen.logged < kLogInterval) return;
  seen.logged = now;
  log::warning("names of a peer are dropped, its clock is wrong: peer={} skew={}s limit={}s", who(peer), seconds,
               kMaxClockSkew);
}

void Gossiper::publish(const Entries& entries) {
  if (entries.empty()) return;
  if (hooks_.changed) hooks_.changed(entries);
  hooks_.broadcast(update(database_, hooks_.now, hooks_.now(), entries));
}

void Gossiper::peer_gone(PeerName peer) {
  if (peer == database_.self()) return;
  auto dropped = database_.peer_gone(peer);
  skews_.erase(peer);
  if (!dropped.empty() && hooks_.erased) hooks_.erased(dropped);
}

GossipStatus Gossiper::status() const {
  GossipStatus status{received_, malformed_, skewed_, {}};
  auto now = hooks_.now();
  for (const auto& [peer, seen] : skews_)
    if (now - seen.seen <= kSkewMemory) status.skews.push_back(seen);
  return status;
}

}  // namespace weave::names
