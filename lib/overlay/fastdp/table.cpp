#include "overlay/fastdp/table.hpp"

#include "base/log.hpp"

namespace weave::overlay {

namespace {

// Marks what isn't wanted any more as lingering, and answers with what has lingered long enough.
template <class Entries, class Wanted>
std::vector<typename Entries::key_type> expire(Entries& entries, const Wanted& is_wanted, Time now) {
  std::vector<typename Entries::key_type> expired;
  for (auto& [key, entry] : entries) {
    if (is_wanted(key)) {
      entry.until = Time::max();
    } else if (entry.until == Time::max()) {
      entry.until = now + FastTable::kLinger;
    } else if (entry.until <= now) {
      expired.push_back(key);
    }
  }
  for (const auto& key : expired) entries.erase(key);
  return expired;
}

}  // namespace

FastSnapshot make_snapshot(const Topology& topology, const FastNeighbours& neighbours) {
  FastSnapshot out;
  auto id_of = [&](PeerName name) -> std::optional<uint16_t> {
    auto found = topology.ids.find(name);
    return found == topology.ids.end() ? std::nullopt : std::optional(found->second);
  };
  out.self = id_of(topology.self);
  for (const auto& [name, id] : topology.ids) {
    if (name == topology.self) continue;
    FastWay way{.kind = FastWay::Kind::kUnreachable, .hop = {}, .name = name};
    auto next = topology.next_hop.find(name);
    auto neighbour = next == topology.next_hop.end() ? neighbours.end() : neighbours.find(next->second);
    if (neighbour != neighbours.end()) {
      way.direct = next->second == name;
      way.kind = neighbour->second ? FastWay::Kind::kFast : FastWay::Kind::kSleeve;
      if (neighbour->second) way.hop = *neighbour->second;
    }
    out.peers[id] = way;
  }
  for (const auto& [source, receivers] : topology.broadcast) {
    auto id = id_of(source);
    if (!id) continue;
    std::vector<uint16_t> ids;
    for (auto name : receivers)
      if (auto neighbour = id_of(name)) ids.push_back(*neighbour);
    if (!ids.empty()) out.floods[*id] = std::move(ids);
  }
  for (const auto& [name, hop] : neighbours)
    if (hop) out.sources[hop->remote] = source_of(*hop);
  return out;
}

void FastTable::adopt(const FastSnapshot& found, const std::map<FastHop, uint32_t>& hops, Time now) {
  self_ = found.self;
  for (const auto& [id, way] : found.peers) peers_[id] = {way, now + kLinger};
  for (const auto& [id, neighbours] : found.floods) floods_[id] = {neighbours, now + kLinger};
  for (const auto& [address, source] : found.sources) sources_[address] = {source, now + kLinger};
  for (const auto& [hop, slot] : hops) {
    slots_[slot] = {hop, true, Time::min()};
    by_hop_[hop] = slot;
  }
}

std::optional<uint32_t> FastTable::slot_of(const FastHop& hop, Time now, std::vector<FastWrite>& writes) {
  if (auto found = by_hop_.find(hop); found != by_hop_.end()) {
    slots_[found->second].used = true;
    return found->second;
  }
  for (uint32_t slot = 1; slot < kSlots; ++slot) {
    auto& entry = slots_[slot];
    if (entry.used || entry.free_at > now) continue;
    if (auto before = by_hop_.find(entry.hop); before != by_hop_.end() && before->second == slot) by_hop_.erase(before);
    entry = {hop, true, Time::min()};
    by_hop_[hop] = slot;
    writes.emplace_back(WriteHop{slot, hop});
    return slot;
  }
  return {};
}

void FastTable::release_slots(Time now) {
  std::set<FastHop> used;
  for (const auto& [id, entry] : peers_)
    if (entry.value.kind == FastWay::Kind::kFast) used.insert(entry.value.hop);
  for (auto& [slot, entry] : slots_) {
    if (!entry.used || used.contains(entry.hop)) continue;
    entry.used = false;
    entry.free_at = now + kLinger;
  }
}

// A connection has ended, and the topology knows a detour already: the connection mostly comes back within moments.
// What has been adopted may have been its own.
bool FastTable::waits(Entry<FastWay>& entry, const FastWay& wanted, Time now) const {
  bool own = entry.value.kind == FastWay::Kind::kFast &&
             (entry.value.direct || entry.until != Time::max() || entry.patient_till != Time::max());
  bool given_up = !wanted.direct && wanted.kind != FastWay::Kind::kUnreachable && !(wanted.hop == entry.value.hop);
  if (!own || !given_up) {
    entry.patient_till = Time::max();
    return false;
  }
  if (entry.patient_till == Time::max()) entry.patient_till = now + kPatience;
  return now < entry.patient_till;
}

void FastTable::drop_renamed(std::vector<FastWrite>& writes) {
  std::map<PeerName, uint16_t> ids;
  for (const auto& [id, way] : wanted_.peers) ids[way.name] = id;
  std::erase_if(peers_, [&](const auto& entry) {
    auto found = ids.find(entry.second.value.name);
    if (found == ids.end() || found->second == entry.first || wanted_.peers.contains(entry.first)) return false;
    writes.emplace_back(WritePeer{entry.first, WritePeer::To::kNothing});
    writes.emplace_back(ForgetMacs{entry.first});
    return true;
  });
}

WritePeer FastTable::write_of(uint16_t id, const FastWay& way) const {
  switch (way.kind) {
    case FastWay::Kind::kFast:
      return {id, WritePeer::To::kHop, by_hop_.at(way.hop)};
    case FastWay::Kind::kSleeve:
      return {id, WritePeer::To::kSleeve};
    default:
      return {id, WritePeer::To::kUnreachable};
  }
}

std::vector<FastWrite> FastTable::everything() const {
  std::vector<FastWrite> writes;
  if (self_) writes.emplace_back(WritePeer{*self_, WritePeer::To::kSelf});
  for (const auto& [slot, entry] : slots_)
    if (entry.used) writes.emplace_back(WriteHop{slot, entry.hop});
  for (const auto& [id, entry] : peers_) writes.emplace_back(write_of(id, entry.value));
  for (const auto& [source, entry] : floods_) writes.emplace_back(WriteFlood{source, entry.value});
  for (const auto& [address, entry] : sources_) writes.emplace_back(WriteSource{address, entry.value});
  return writes;
}

std::vector<FastWrite> FastTable::update(FastSnapshot wanted, Time now) {
  std::vector<FastWrite> writes;
  wanted_ = std::move(wanted);
  retry_at_ = Time::max();
  using To = WritePeer::To;

  if (wanted_.self && wanted_.self != self_) {
    if (self_ && !wanted_.peers.contains(*self_)) writes.emplace_back(WritePeer{*self_, To::kNothing});
    self_ = wanted_.self;
    peers_.erase(*self_);
    writes.emplace_back(WritePeer{*self_, To::kSelf});
    writes.emplace_back(ForgetMacs{*self_});
  }

  drop_renamed(writes);
  for (const auto& [id, way] : wanted_.peers) {
    if (id == self_) continue;
    auto found = peers_.find(id);
    // What has been adopted bears no name.
    bool another = found != peers_.end() && found->second.value.name.value != 0 && found->second.value.name != way.name;
    if (another) writes.emplace_back(ForgetMacs{id});
    if (found != peers_.end() && !another) {
      found->second.value.name = way.name;
      if (waits(found->second, way, now)) continue;
      if (found->second.value.kind == way.kind && found->second.value.hop == way.hop) {
        found->second.value.direct = way.direct;
        continue;
      }
      // Known but out of reach: as if it had vanished, so the old way lingers.
      if (way.kind == FastWay::Kind::kUnreachable && found->second.until > now) continue;
    }
    auto stored = way;
    if (way.kind == FastWay::Kind::kFast && !slot_of(way.hop, now, writes)) {
      log::warning("no free hop in the kernel's map, sleeve carries the frames: overlay=fastdp limit={} short_id={}",
                   kSlots - 1, id);
      // Every neighbour has sleeve.
      stored.kind = FastWay::Kind::kSleeve;
      retry_at_ = now + std::chrono::seconds(1);
    }
    writes.emplace_back(write_of(id, stored));
    peers_[id] = {stored};
  }
  for (auto id : expire(
           peers_,
           [&](uint16_t id) {
             auto found = wanted_.peers.find(id);
             return found != wanted_.peers.end() && (found->second.kind != FastWay::Kind::kUnreachable ||
                                                     peers_.at(id).value.kind == FastWay::Kind::kUnreachable);
           },
           now)) {
    auto found = wanted_.peers.find(id);
    if (found != wanted_.peers.end()) {  // it has lingered, and is still known
      peers_[id] = {found->second};
      writes.emplace_back(WritePeer{id, To::kUnreachable});
    } else {
      writes.emplace_back(WritePeer{id, To::kNothing});
      writes.emplace_back(ForgetMacs{id});
    }
  }

  for (const auto& [source, neighbours] : wanted_.floods) {
    auto list = neighbours;
    if (list.size() > kMostNeighbours) {
      log::warning("broadcasts reach only some neighbours: overlay=fastdp limit={} neighbours={}", kMostNeighbours,
                   list.size());
      list.resize(kMostNeighbours);
    }
    auto found = floods_.find(source);
    if (found != floods_.end() && found->second.value == list) continue;
    writes.emplace_back(WriteFlood{source, list});
    floods_[source] = {std::move(list)};
  }
  for (auto source : expire(
           floods_, [&](uint16_t id) { return wanted_.floods.contains(id); }, now))
    writes.emplace_back(WriteFlood{source, {}});

  for (const auto& [address, source] : wanted_.sources) {
    auto found = sources_.find(address);
    if (found != sources_.end() && found->second.value == source) continue;
    sources_[address] = {source};
    writes.emplace_back(WriteSource{address, source});
  }
  for (auto address : expire(
           sources_, [&](Ipv4 ip) { return wanted_.sources.contains(ip); }, now))
    writes.emplace_back(WriteSource{address, {}});

  release_slots(now);
  return writes;
}

std::optional<FastHop> FastTable::current(uint16_t id) const {
  auto found = peers_.find(id);
  if (found == peers_.end() || found->second.value.kind != FastWay::Kind::kFast) return {};
  return found->second.value.hop;
}

Time FastTable::next_tick() const {
  auto next = retry_at_;
  for (const auto& [id, entry] : peers_) next = std::min({next, entry.until, entry.patient_till});
  for (const auto& [id, entry] : floods_) next = std::min(next, entry.until);
  for (const auto& [id, entry] : sources_) next = std::min(next, entry.until);
  return next;
}

}  // namespace weave::overlay
