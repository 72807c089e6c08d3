#include "overlay/carrier.hpp"

#include "base/log.hpp"

namespace weave::overlay {

namespace {

// ICMP errors that we make at most. A sender needs one to learn a path's MTU, and holds on to it for ten minutes.
constexpr int answers_per_interval = 100;
constexpr auto answer_interval = std::chrono::milliseconds(100);

}  // namespace

Carrier::Carrier(MacTable& macs, SleeveCounters& counters, Edge edge)
    : macs_(macs), counters_(counters), edge_(std::move(edge)), packer_(edge_.transmit) {}

void Carrier::captured(const SleeveTables& tables, const VnetHeader& header, std::span<uint8_t> frame, Time now) {
  counters_.captured.add(frame.size());
  auto decision = decide_captured(*tables.routes, macs_, frame, now);
  if (decision.drop) {
    counters_.drop(*decision.drop);
    if (*decision.drop == Drop::elsewhere)
      log::warning("sleeve: frames are captured from MACs that are associated with other peers, and dropped");
    return;
  }
  if (decision.hops.empty()) return;
  auto segments = Segments::of(header, frame);
  if (!segments) {
    counters_.drop(Drop::malformed);
    log::debug("sleeve: a captured frame is dropped: {}", segments.error());
    return;
  }
  act(tables, decision, {}, *segments, Hops::in_use, now);
}

void Carrier::received(const SleeveTables& tables, PeerName from, const SleeveRecord& record, Time now) {
  auto decision = decide_received(*tables.routes, macs_, from, record.source, record.destination, record.frame, now);
  if (decision.drop) {
    counters_.drop(*decision.drop);
    return;
  }
  if (decision.moved)
    log::debug("sleeve: discovered a MAC at {} that was at {}", record.source.str(), decision.moved->str());
  // What other peers have sent by sleeve goes on by sleeve: it works on every connection, whatever is better there.
  act(tables, decision, from, Segments(record.frame), Hops::all, now);
}

void Carrier::brought(const SleeveTables& tables, const SleeveRecord& record, Time now) {
  auto decision = decide_received(*tables.routes, macs_, {}, record.source, record.destination, record.frame, now);
  decision.inject = false;
  if (decision.drop)
    counters_.drop(*decision.drop);
  else
    act(tables, decision, {}, Segments(record.frame), Hops::in_use, now);
}

void Carrier::act(const SleeveTables& tables, const Decision& decision, PeerName from, const Segments& segments,
                  Hops which, Time now) {
  if (decision.inject) edge_.inject(segments.frame());
  bool ours = decision.source == tables.routes->self;
  for (auto hop : decision.hops) {
    if (hop == from) {
      counters_.drop(Drop::loop);
      continue;
    }
    auto found = tables.paths.find(hop);
    if (found == tables.paths.end()) {
      counters_.drop(Drop::no_connection);
      continue;
    }
    const auto& path = found->second;
    if (which == Hops::in_use && !path.in_use) {
      counters_.drop(Drop::other_overlay);
    } else if (!path.remote) {
      counters_.drop(Drop::no_address);
    } else {
      if (!ours) counters_.relayed.add(segments.frame().size());
      send(tables, path, decision.source, decision.flooded() ? hop : decision.destination, segments, decision.flooded(),
           now);
    }
  }
}

void Carrier::send(const SleeveTables& tables, const SleevePath& path, PeerName source, PeerName destination,
                   const Segments& segments, bool flooded, Time now) {
  auto ip = find_ipv4(segments.frame());
  size_t largest = size_t{path.mtu} + ethernet_header;
  if (ip && ip->dont_fragment && segments.size(0) > largest) {
    counters_.drop(Drop::too_big);
    if (!flooded) answer_too_big(tables, path.mtu, source, destination, segments, now);
    return;
  }
  for (size_t i = 0; i < segments.count(); ++i) {
    size_t size = segments.size(i);
    bool to_fragment = ip && !ip->dont_fragment && !path.fragments_pass;
    if (to_fragment && size > largest) {
      scratch_.resize(size);
      segments.write(i, scratch_);
      auto packet = find_ipv4(scratch_);
      if (!packet || !fragment_ipv4(scratch_, *packet, path.mtu,
                                    [&](ByteView piece) { put(path, true, source, destination, piece); }))
        counters_.drop(Drop::malformed);
      continue;
    }
    auto room = packer_.add(path, ip && (ip->dont_fragment || to_fragment), source, destination, size);
    if (room.empty())
      counters_.drop(Drop::too_big);
    else
      segments.write(i, room);
  }
}

void Carrier::put(const SleevePath& path, bool df, PeerName source, PeerName destination, ByteView frame) {
  auto room = packer_.add(path, df, source, destination, frame.size());
  if (room.empty())
    counters_.drop(Drop::too_big);
  else
    std::copy(frame.begin(), frame.end(), room.begin());
}

void Carrier::answer_too_big(const SleeveTables& tables, uint16_t mtu, PeerName source, PeerName destination,
                             const Segments& segments, Time now) {
  if (now >= refill_at_) {
    answers_left_ = answers_per_interval;
    refill_at_ = now + answer_interval;
  }
  if (answers_left_ == 0) return;
  --answers_left_;
  Bytes offending(segments.size(0));
  segments.write(0, offending);
  auto packet = find_ipv4(offending);
  if (!packet || !may_answer(offending, *packet)) return;
  auto answer = fragmentation_needed(offending, *packet, mtu);
  log::debug("sleeve: sending ICMP 3,4 towards {}: PMTU={}", source.str(), mtu);
  // As if the peer had sent it that the frame was for.
  auto decision = decide_received(*tables.routes, macs_, {}, destination, source, answer, now);
  if (!decision.drop) act(tables, decision, {}, Segments(answer), Hops::all, now);
}

}  // namespace weave::overlay
