#include "overlay/sleeve/carrier.hpp"

#include "base/log.hpp"
#include "overlay/overlay.hpp"

namespace weave::overlay {

namespace {

// ICMP errors that we make at most. A sender needs one to learn a path's MTU, and holds on to it for ten minutes.
constexpr int kAnswersPerInterval = 100;
constexpr auto kAnswerInterval = std::chrono::milliseconds(100);

constexpr uint16_t kVlanType = 0x8100;
constexpr size_t kVlanTag = 4;

// An interface with this MTU drops the frame. The kernel allows for a VLAN tag.
bool larger_than(uint16_t mtu, ByteView frame) {
  size_t header =
      frame.size() >= kEthernetHeader && get_u16(frame, 12) == kVlanType ? kEthernetHeader + kVlanTag : kEthernetHeader;
  return frame.size() > mtu + header;
}

bool is_multicast(ByteView frame) {
  return frame[0] & 1;
}

}  // namespace

Carrier::Carrier(MacTable& macs, SleeveCounters& counters, Edge edge)
    : macs_(macs), counters_(counters), edge_(std::move(edge)), packer_(edge_.transmit) {}

void Carrier::captured(const SleeveTables& tables, VnetHeader header, std::span<uint8_t> frame, Time now) {
  counters_.captured.add(frame.size());
  auto decision =
      tables.trunk ? decide_tagged(tables, header, frame, now) : decide_captured(*tables.topology, macs_, frame, now);
  if (decision.drop) {
    counters_.drop(*decision.drop);
    if (*decision.drop == Drop::kSourceElsewhere)
      log::warning("captured frames with the MAC of another peer are dropped: overlay=sleeve");
    return;
  }
  if (decision.hops.empty()) return;
  auto segments = Segments::of(header, frame);
  if (!segments) {
    counters_.drop(Drop::kMalformed);
    log::debug("a captured frame is dropped: overlay=sleeve reason={}", segments.error());
    return;
  }
  act(tables, decision, {}, *segments, now);
}

Decision Carrier::decide_tagged(const SleeveTables& tables, VnetHeader& header, std::span<uint8_t>& frame, Time now) {
  auto dropped = [](Drop why) {
    Decision out;
    out.drop = why;
    return out;
  };
  auto tagged = take_tags(header, frame);
  if (!tagged) return dropped(Drop::kMalformed);
  frame = tagged->frame;
  auto source = tagged->source ? tables.trunk->name(*tagged->source) : tables.topology->self;
  auto destination = tables.trunk->name(tagged->destination);
  if (!source || !destination) return dropped(Drop::kUnknownPeer);
  auto hop = tables.topology->next_hop.find(*destination);
  if (hop == tables.topology->next_hop.end()) return dropped(Drop::kNoRoute);
  if (tagged->source && tables.trunk->brought_by(*tagged->source, tagged->destination, now))
    return dropped(Drop::kLoop);
  Decision out;
  out.source = *source;
  if (!tagged->flooded) out.destination = *destination;
  out.hops = std::span(&hop->second, 1);
  return out;
}

void Carrier::inject_tagged(const SleeveTables& tables, PeerName from, const SleeveRecord& record, Time now) {
  const auto& topology = *tables.topology;
  if (record.source == topology.self) return counters_.drop(Drop::kOwn);
  if (record.frame.size() < kEthernetHeader) return counters_.drop(Drop::kMalformed);
  auto source = tables.trunk->id(record.source), destination = tables.trunk->id(record.destination);
  if (!source || !destination) return counters_.drop(Drop::kUnknownPeer);
  if (record.destination == topology.self) {
    if (auto neighbour = tables.trunk->id(from)) tables.trunk->brought(*source, *neighbour, now);
    if (inject_fitting(tables, record.frame, TrunkTags(*source))) return;
    // Only the programs know whether the receiver is here. Another peer may be told of a path MTU for nothing, but must
    // not learn a wrong place of the receiver's MAC.
    auto answer = too_big_answer(tables.bridge_mtu, record.frame, now);
    if (answer.empty()) return;
    auto own = topology.self.mac();
    own.bytes[0] &= 0xfe;  // a name may look like a multicast MAC
    std::copy(own.bytes.begin(), own.bytes.end(), answer.begin() + sizeof own.bytes);
    return send_back(tables, from, topology.self, record.source, answer, now);
  }
  auto hop = topology.next_hop.find(record.destination);
  if (hop == topology.next_hop.end()) return counters_.drop(Drop::kNoRoute);
  if (hop->second == from) return counters_.drop(Drop::kLoop);
  TrunkTags tags(*source, *destination);
  // The fast datapath carries what fits our bridge, and fragments nothing. Sleeve looks at the path when it sends.
  auto neighbour = topology.neighbours.find(hop->second);
  if (neighbour == topology.neighbours.end() || neighbour->second != kFastdpName)
    return edge_.inject(tags, record.frame);
  if (inject_fitting(tables, record.frame, tags)) return;
  auto answer = too_big_answer(tables.bridge_mtu, record.frame, now);
  if (!answer.empty()) send_back(tables, from, record.destination, record.source, answer, now);
}

void Carrier::received(const SleeveTables& tables, PeerName from, const SleeveRecord& record, Time now) {
  if (tables.trunk) return inject_tagged(tables, from, record, now);
  auto decision = decide_received(*tables.topology, macs_, from, record.source, record.destination, record.frame, now);
  if (decision.drop) {
    counters_.drop(*decision.drop);
    return;
  }
  if (decision.moved)
    log::debug("a MAC has moved: overlay=sleeve from={} to={}", decision.moved->str(), record.source.str());
  act(tables, decision, from, Segments(record.frame), now);
}

void Carrier::act(const SleeveTables& tables, const Decision& decision, PeerName from, const Segments& segments,
                  Time now) {
  if (decision.inject) inject(tables, from, decision.source, segments.frame(), now);
  bool ours = decision.source == tables.topology->self;
  for (auto hop : decision.hops) {
    if (hop == from) {
      counters_.drop(Drop::kLoop);
      continue;
    }
    auto found = tables.paths.find(hop);
    if (found == tables.paths.end()) {
      counters_.drop(Drop::kNoConnection);
      continue;
    }
    const auto& path = found->second;
    if (!path.remote) {
      counters_.drop(Drop::kNoAddress);
    } else {
      if (!ours) counters_.relayed.add(segments.frame().size());
      send(tables, path, decision.source, decision.flooded() ? hop : decision.destination, segments, decision.flooded(),
           now);
    }
  }
}

void Carrier::inject(const SleeveTables& tables, PeerName from, PeerName source, ByteView frame, Time now) {
  if (inject_fitting(tables, frame, {})) return;
  Mac receiver;
  std::copy_n(frame.begin(), receiver.bytes.size(), receiver.bytes.begin());
  if (macs_.find(receiver, now) != tables.topology->self) return;
  auto answer = too_big_answer(tables.bridge_mtu, frame, now);
  if (!answer.empty()) send_back(tables, from, tables.topology->self, source, answer, now);
}

bool Carrier::inject_fitting(const SleeveTables& tables, ByteView frame, const TrunkTags& tags) {
  if (!larger_than(tables.bridge_mtu, frame)) {
    edge_.inject(tags, frame);
    return true;
  }
  auto ip = find_ipv4(frame);
  if (ip && (!ip->dont_fragment || is_multicast(frame))) {
    if (!fragment_ipv4(frame, *ip, tables.bridge_mtu, [&](ByteView piece) { edge_.inject(tags, piece); }))
      counters_.drop(Drop::kMalformed);
    return true;
  }
  counters_.drop(Drop::kTooBig);
  return false;
}

void Carrier::send_back(const SleeveTables& tables, PeerName neighbour, PeerName source, PeerName destination,
                        ByteView frame, Time now) {
  auto path = tables.paths.find(neighbour);
  if (path == tables.paths.end() || !path->second.remote) return counters_.drop(Drop::kNoAddress);
  send(tables, path->second, source, destination, Segments(frame), false, now);
}

void Carrier::send(const SleeveTables& tables, const SleevePath& path, PeerName source, PeerName destination,
                   const Segments& segments, bool flooded, Time now) {
  auto ip = find_ipv4(segments.frame());
  size_t largest = size_t{path.mtu} + kEthernetHeader;
  // Nobody answers for a group.
  bool whole = ip && ip->dont_fragment && !is_multicast(segments.frame());
  if (whole && segments.size(0) > largest) {
    counters_.drop(Drop::kTooBig);
    if (!flooded) answer_too_big(tables, path.mtu, source, destination, segments, now);
    return;
  }
  for (size_t i = 0; i < segments.count(); ++i) {
    size_t size = segments.size(i);
    bool to_fragment = ip && !whole && (ip->dont_fragment || !path.fragments_pass);
    if (to_fragment && size > largest) {
      scratch_.resize(size);
      segments.write(i, scratch_);
      auto packet = find_ipv4(scratch_);
      if (!packet || !fragment_ipv4(scratch_, *packet, path.mtu,
                                    [&](ByteView piece) { put(path, true, source, destination, piece); }))
        counters_.drop(Drop::kMalformed);
      continue;
    }
    auto room = packer_.add(path, whole || to_fragment, source, destination, size);
    if (room.empty())
      counters_.drop(Drop::kTooBig);
    else
      segments.write(i, room);
  }
}

void Carrier::put(const SleevePath& path, bool df, PeerName source, PeerName destination, ByteView frame) {
  auto room = packer_.add(path, df, source, destination, frame.size());
  if (room.empty())
    counters_.drop(Drop::kTooBig);
  else
    std::copy(frame.begin(), frame.end(), room.begin());
}

Bytes Carrier::too_big_answer(uint16_t mtu, ByteView offending, Time now) {
  if (now >= refill_at_) {
    answers_left_ = kAnswersPerInterval;
    refill_at_ = now + kAnswerInterval;
  }
  if (answers_left_ == 0) return {};
  --answers_left_;
  auto packet = find_ipv4(offending);
  if (!packet || !may_answer(offending, *packet)) return {};
  return fragmentation_needed(offending, *packet, mtu);
}

void Carrier::answer_too_big(const SleeveTables& tables, uint16_t mtu, PeerName source, PeerName destination,
                             const Segments& segments, Time now) {
  Bytes offending(segments.size(0));
  segments.write(0, offending);
  auto answer = too_big_answer(mtu, offending, now);
  if (answer.empty()) return;
  log::debug("sending ICMP fragmentation needed: overlay=sleeve peer={} mtu={}", source.str(), mtu);
  // As if the peer had sent it that the frame was for.
  if (tables.trunk) {
    auto from = tables.trunk->id(destination), to = tables.trunk->id(source);
    if (from && to) edge_.inject(source == tables.topology->self ? TrunkTags(*from) : TrunkTags(*from, *to), answer);
    return;
  }
  auto decision = decide_received(*tables.topology, macs_, {}, destination, source, answer, now);
  if (!decision.drop) act(tables, decision, {}, Segments(answer), now);
}

}  // namespace weave::overlay
