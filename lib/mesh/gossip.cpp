// Received and sent messages, their receivers, and the channel "topology".
#include <fmt/format.h>

#include "base/log.hpp"
#include "mesh/mesh.hpp"
#include "mesh/topology.hpp"

namespace weave::mesh {

namespace {

// Topology is gossiped as a set of names; what is known of them when a connection takes it is what it gets.
class TopologyData : public GossipData {
 public:
  TopologyData(const Peers& peers, std::set<PeerName> names) : peers_(peers), names_(std::move(names)) {}

  std::vector<Bytes> encode() const override {
    // Many neighbours get the same bytes.
    if (!encoded_ || revision_ != peers_.revision()) {
      std::vector<const Peer*> list;
      for (auto name : names_)
        if (const auto* peer = peers_.find(name)) list.push_back(peer);
      encoded_ = encode_topology(list);
      revision_ = peers_.revision();
    }
    if (encoded_->empty()) return {};
    return {*encoded_};
  }

  Gossip merged(const GossipData& later) const override {
    auto names = names_;
    const auto& more = dynamic_cast<const TopologyData&>(later).names_;
    names.insert(more.begin(), more.end());
    return std::make_shared<TopologyData>(peers_, std::move(names));
  }

 private:
  const Peers& peers_;
  std::set<PeerName> names_;
  mutable std::optional<Bytes> encoded_;
  mutable uint64_t revision_ = 0;
};

}  // namespace

Gossip Mesh::topology_of(std::set<PeerName> names) const {
  return std::make_shared<TopologyData>(peers_, std::move(names));
}

Channel Mesh::topology_channel() {
  auto merge = [this](ByteView data) -> Result<Peers::Merged> {
    auto update = decode_topology(data);
    if (!update) return Refused(update.error());
    auto merged = peers_.merge(std::move(*update));
    if (!next_collection_) next_collection_ = now_ + kCollectDelay;
    apply_changes();
    return merged;
  };
  Channel channel;
  channel.gossip = [this] {
    std::set<PeerName> all;
    for (const auto& [name, peer] : peers_.table()) all.insert(all.end(), name);
    return topology_of(std::move(all));
  };
  // relay_news() passes on what is new, once it is known which neighbour sent it.
  channel.on_gossip = [this, merge](ByteView data) -> Result<Gossip> {
    auto merged = merge(data);
    if (!merged) return Refused(merged.error());
    news_.received(std::move(merged->changed));
    return nullptr;
  };
  // Weave Net up to 2.5 announces changes like this.
  channel.on_broadcast = [this, merge](PeerName, ByteView data) -> Result<Gossip> {
    auto merged = merge(data);
    if (!merged) return Refused(merged.error());
    return topology_of(std::move(merged->received));
  };
  channel.on_unicast = [](PeerName, ByteView) -> Result<void> { return Refused("unexpected topology gossip unicast"); };
  return channel;
}

void Mesh::message(ConnectionId id, ByteView bytes, Time now) {
  now_ = std::max(now_, now);
  auto* connection = connections_.find(id);
  if (!connection) return;
  connection->status.last_received = now_;
  if (bytes.empty()) return log::debug("an empty message is ignored");
  auto tag = static_cast<Tag>(bytes[0]);
  auto payload = bytes.subspan(1);
  switch (tag) {
    case Tag::kHeartbeat:
      return;
    case Tag::kConnectionEstablished:
    case Tag::kFragmentationReceived:
    case Tag::kPmtuVerified:
    case Tag::kOverlayControl:
      return receive_overlay(*connection, tag, payload);
    case Tag::kGossip:
    case Tag::kUnicast:
    case Tag::kBroadcast:
      break;
    default:
      return log::debug("a message of unknown kind is ignored: tag={}", bytes[0]);
  }
  auto envelope = decode_envelope(tag, payload);
  if (!envelope) return close(id, envelope.error());
  if (envelope->channel.size() > kMaxChannelName)
    return log::debug("a message of a channel with too long a name is ignored");
  auto from = connection->status.remote.name;
  speaker_ = from;
  ++count(envelope->channel).received;
  if (tag == Tag::kGossip)
    receive_gossip(id, from, *envelope);
  else if (tag == Tag::kBroadcast)
    receive_broadcast(id, *envelope);
  else
    receive_unicast(id, from, *envelope, bytes);
  speaker_ = {};
}

void Mesh::receive_overlay(const Connection& connection, Tag tag, ByteView payload) {
  size_t overlays = connection.status.remote.overlays;
  bool fits = tag == Tag::kOverlayControl ? payload.size() >= 2 && payload[0] < overlays : overlays == 0;
  if (!fits) return log::debug("an overlay control message that does not belong to the connection is ignored");
  effects_.push_back(OverlayMessage{connection.status.id, tag, Bytes(payload.begin(), payload.end())});
}

void Mesh::receive_gossip(ConnectionId id, PeerName from, const Envelope& envelope) {
  auto channel = channels_.find(envelope.channel);
  auto news = channel == channels_.end() ? surrogates_.gossip(envelope.channel, envelope.data, now_)
                                         : channel->second.on_gossip(envelope.data);
  if (!news) return close(id, news.error());
  if (*news) gossip_except(from, std::string(envelope.channel), *news);
  if (news_.attribute_to(from, now_)) relay_news();
}

void Mesh::relay_news() {
  auto by_source = news_.take_relay(now_);
  // Many neighbours miss nothing, or the same: they share one encoding.
  std::map<PeerName, Gossip> without;
  auto only_source = by_source.size() == 1 ? by_source.begin()->first : PeerName{};
  for (auto neighbour : routes().random_neighbours(only_source, random_)) {
    auto key = by_source.contains(neighbour) ? neighbour : PeerName{};
    auto& data = without[key];
    if (!data) {
      std::set<PeerName> names;
      for (const auto& [from, list] : by_source)
        if (from != key) names.insert(list.begin(), list.end());
      data = topology_of(std::move(names));
    }
    auto* connection = connections_.find(neighbour);
    if (!connection) continue;
    connection->outbox.put_gossip("topology", peers_.self().name, data);
    pump(*connection);
  }
}

void Mesh::receive_broadcast(ConnectionId id, const Envelope& envelope) {
  // A broadcast of this peer that comes back is not passed on: that would start it again.
  if (envelope.source == peers_.self().name) return;
  auto channel = channels_.find(envelope.channel);
  Result<Gossip> onward;
  if (channel == channels_.end())
    onward = std::make_shared<OpaqueData>(Bytes(envelope.data.begin(), envelope.data.end()));
  else
    onward = channel->second.on_broadcast(envelope.source, envelope.data);
  if (!onward) return close(id, onward.error());
  if (*onward) broadcast_from(envelope.source, std::string(envelope.channel), *onward);
}

void Mesh::receive_unicast(ConnectionId id, PeerName from, const Envelope& envelope, ByteView message) {
  if (envelope.destination == peers_.self().name) {
    auto channel = channels_.find(envelope.channel);
    if (channel == channels_.end()) return;
    if (auto done = channel->second.on_unicast(envelope.source, envelope.data); !done) close(id, done.error());
    return;
  }
  auto via = routes().next_hop(envelope.destination, Edges::kAll);
  auto* relay = connections_.find(via);
  // Not back to the neighbour that sent it: while its routes and ours differ, the message would circle.
  if (!relay || via == from || connections_.congested(*relay))
    return log::debug("a unicast is dropped: from={} to={}", envelope.source.str(), envelope.destination.str());
  ++count(envelope.channel).sent;
  send(*relay, Bytes(message.begin(), message.end()));
}

GossipCounts& Mesh::count(std::string_view channel) {
  return gossip_counts_[std::string(channels_.contains(channel) ? channel : kOtherChannels)];
}

Result<void> Mesh::unicast(std::string_view channel, PeerName to, ByteView data, Time now) {
  now_ = std::max(now_, now);
  if (to == peers_.self().name) {
    auto at = channels_.find(channel);
    return at == channels_.end() ? Result<void>() : at->second.on_unicast(to, data);
  }
  auto via = routes().next_hop(to, Edges::kAll);
  if (!via.value) return Refused(fmt::format("unknown relay destination: {}", to.str()));
  auto* relay = connections_.find(via);
  if (!relay) return Refused(fmt::format("unable to find connection to relay peer {}", via.str()));
  if (connections_.congested(*relay))
    return Refused(fmt::format("connection to relay peer {} is congested", via.str()));
  auto bytes = encode_envelope(Tag::kUnicast, {channel, peers_.self().name, to, data});
  if (bytes.size() > kMaxMessage) return Refused(fmt::format("message of {} bytes is too long", bytes.size()));
  ++count(channel).sent;
  send(*relay, std::move(bytes));
  return {};
}

void Mesh::broadcast(const std::string& channel, Gossip data, Time now) {
  now_ = std::max(now_, now);
  broadcast_from(peers_.self().name, channel, data);
}

void Mesh::gossip(const std::string& channel, Gossip data, Time now) {
  now_ = std::max(now_, now);
  gossip_except({}, channel, data);
}

void Mesh::gossip_except(PeerName except, const std::string& channel, const Gossip& data) {
  for (auto name : routes().random_neighbours(except, random_)) {
    auto* connection = connections_.find(name);
    if (!connection) continue;
    connection->outbox.put_gossip(channel, peers_.self().name, data);
    pump(*connection);
  }
}

void Mesh::broadcast_from(PeerName source, const std::string& channel, const Gossip& data) {
  for (auto name : routes().broadcast(source, Edges::kAll)) {
    auto* connection = connections_.find(name);
    if (!connection) continue;
    connection->outbox.put_broadcast(channel, source, data);
    pump(*connection);
  }
}

bool Mesh::overlay_send(ConnectionId id, Tag tag, ByteView payload, Time now) {
  now_ = std::max(now_, now);
  auto* connection = connections_.find(id);
  if (!connection || connection->in_flight > Connections::kUnicastWindow) return false;
  size_t overlays = connection->status.remote.overlays;
  bool raw = tag == Tag::kConnectionEstablished || tag == Tag::kFragmentationReceived || tag == Tag::kPmtuVerified;
  if (tag == Tag::kOverlayControl ? payload.size() < 2 || payload[0] >= overlays : !raw || overlays != 0) {
    log::error("an overlay control message was not sent, it could crash the peer: peer={}",
               connection->status.remote.name.str());
    return false;
  }
  Bytes message{static_cast<uint8_t>(tag)};
  message.insert(message.end(), payload.begin(), payload.end());
  send(*connection, std::move(message));
  return true;
}

void Mesh::send(Connection& connection, Bytes message) {
  connections_.note_sent(connection, message.size());
  effects_.push_back(Send{connection.status.id, std::move(message)});
}

void Mesh::pump(Connection& connection) {
  while (connection.in_flight < Connections::kGossipWindow) {
    auto next = connection.outbox.next();
    if (!next) return;
    ++count(next->channel).sent;
    send(connection, std::move(next->bytes));
  }
}

void Mesh::writable(ConnectionId id, Time now) {
  now_ = std::max(now_, now);
  auto* connection = connections_.find(id);
  if (!connection) return;
  connections_.note_written(*connection);
  pump(*connection);
}

}  // namespace weave::mesh
