#include "ipam/exchange.hpp"

#include <algorithm>
#include <bit>
#include <set>

#include "base/log.hpp"
#include "base/text.hpp"

namespace weave::ipam {
namespace {

// As a CIDR if its size is that of one, wherever it starts.
std::string cidr_text(Ipv4Range range) {
  uint32_t size = range.size();
  if (range.start >= range.end || !std::has_single_bit(size)) return range_text(range);
  return Cidr{range.start, 32 - std::countr_zero(size)}.str();
}

}  // namespace

std::optional<Bytes> Exchange::state() const {
  if (core_.ledger.keep_stored_ring) return std::nullopt;
  State state;
  if (core_.links.unix_time) state.now = core_.links.unix_time();
  state.nicknames = core_.nicknames.all();
  if (!core_.ledger.ring.empty())
    state.ring = to_wire(core_.ledger.ring);
  else if (auto* table = core_.election.table())
    state.paxos = *table;
  return encode_state(state);
}

void Exchange::send_state(PeerName to) {
  if (auto bytes = state()) core_.send(to, Tag::kRingUpdate, *bytes);
}

// -- The first division.

void Exchange::establish() {
  auto& election = core_.election;
  if (!core_.ledger.ring.empty() || core_.leaving || election.awaited()) return;
  if (election.votes()) {
    uint32_t expected = core_.config.expected;
    if (expected == 0) expected = 1 + static_cast<uint32_t>(core_.links.targets ? core_.links.targets() : 0);
    auto quorum = election.set_expected(expected);
    if (core_.config.expected == 0) log::info("the first division of the addresses needs a quorum: peers={}", quorum);
  }
  election.set_awaited(true);
  try {
    propose();
  } catch (...) {
    election.set_awaited(false);
    throw;
  }
}

void Exchange::elect() {
  if (!core_.ledger.ring.empty() || core_.leaving) return;
  core_.election.awaited() ? propose() : establish();
}

void Exchange::propose() {
  core_.election.propose();
  if (auto agreed = core_.election.agreed()) return create_ring(*agreed);
  core_.broadcast();
}

void Exchange::create_ring(const Seeds& seeds) {
  LedgerTransaction change(core_.ledger);
  core_.ledger.ring.claim_for_peers(seeds);
  change.ring_changed();
  change.commit();
  core_.election.set_awaited(false);
  core_.broadcast();
  hooks_.process_pending();
}

void Exchange::take_votes(const PaxosTable& table) {
  if (core_.election.take(table)) core_.broadcast();
  if (auto agreed = core_.election.agreed(); agreed && core_.election.awaited()) create_ring(*agreed);
}

// -- Messages.

Result<void> Exchange::on_state(ByteView bytes, std::optional<PeerName> source) {
  auto state = decode_state(bytes);
  if (!state) return Refused(state.error());
  try {
    auto taken = take_state(*state, source);
    if (!taken) core_.trouble(taken.error());
    return taken;
  } catch (const Error& error) {
    core_.trouble(error.what());
    return {};
  }
}

Result<void> Exchange::on_unicast(PeerName from, ByteView message) {
  if (message.empty() || from == core_.config.self) return {};
  auto content = message.subspan(1);
  auto tag = static_cast<Tag>(message[0]);
  if (tag == Tag::kRingUpdate) {
    core_.space_requests.on_ring(from);
    core_.ledger.changed = true;
    auto taken = on_state(content, from);
    hooks_.process_pending();
    return taken;
  }
  if (tag != Tag::kSpaceRequest && tag != Tag::kSpaceDenied) {
    log::debug("an address message of unknown kind is ignored: peer={} tag={}", from.str(), message[0]);
    return {};
  }
  auto range = decode_range(content);
  if (!range) return Refused(range.error());
  try {
    tag == Tag::kSpaceRequest ? on_space_request(from, *range) : on_denial(from, *range);
  } catch (const Error& error) {
    core_.trouble(error.what());
  }
  return {};
}

Result<void> Exchange::take_state(const State& state, std::optional<PeerName> source) {
  core_.nicknames.add(state.nicknames);
  if (source == core_.config.self) source.reset();
  if (state.ring) return take_ring(*state.ring);
  if (source) core_.troubles.forget_ring(*source);
  if (!core_.ledger.ring.empty()) {
    if (source) send_state(*source);
  } else if (state.paxos) {
    take_votes(*state.paxos);
  } else if (source && core_.election.votes()) {
    establish();
  }
  return {};
}

std::optional<Troubles::ForeignRing> Exchange::foreign(const Ring& theirs) const {
  using Why = Troubles::ForeignRing::Why;
  const auto& ours = core_.ledger.ring;
  const auto& given_up = core_.ledger.abandoned_seeds;
  auto because = [&](Why why, std::string text) { return Troubles::ForeignRing{why, std::move(text), core_.now}; };
  if (theirs.range() != ours.range())
    return because(Why::kRange, fmt::format("Incompatible IP allocation ranges (received: {}, ours: {})",
                                            cidr_text(theirs.range()), core_.config.range.str()));
  if (!ours.seeds().empty() && !theirs.seeds().empty() && ours.seeds() != theirs.seeds())
    return because(Why::kSeeds,
                   fmt::format("IP allocation was seeded by different peers (received: [{}], ours: [{}])",
                               core_.nicknames.listed(theirs.seeds()), core_.nicknames.listed(ours.seeds())));
  if (given_up && theirs.seeds() == *given_up)
    return because(Why::kGivenUp, fmt::format("the ring of addresses seeded by [{}] was given up here, for another one",
                                              core_.nicknames.listed(*given_up)));
  return std::nullopt;
}

Result<void> Exchange::take_ring(const WireRing& received) {
  auto& ledger = core_.ledger;
  auto theirs = Ring::assemble({received.start, received.end}, received.peer, received.entries, received.seeds);
  if (!theirs) return Refused(theirs.error());
  if (auto other = foreign(*theirs)) {
    core_.troubles.note_ring(received.peer, *other);
    return Refused(std::move(other->text));
  }
  core_.troubles.forget_ring(received.peer);
  bool rejoins = ledger.abandoned_seeds.has_value();
  LedgerTransaction change(ledger);
  auto merged = ledger.ring.reconcile(*theirs);
  if (!merged) return Refused(merged.error());
  if (!*merged) return {};
  change.ring_changed();
  change.commit();
  core_.election.set_awaited(false);
  if (rejoins)
    log::info("the ring of another cluster was taken over: seeds=[{}]", core_.nicknames.listed(ledger.ring.seeds()));
  core_.nicknames.forget([&](PeerName peer) { return !core_.reachable(peer) && ledger.ring.owned(peer).empty(); });
  if (core_.leaving && !ledger.ring.owned(core_.config.self).empty()) hand_over();  // a donation that was on its way
  hooks_.process_pending();
  if (rejoins) ask_for_stranded();  // before another peer gives these addresses out
  return {};
}

void Exchange::on_space_request(PeerName from, Ipv4Range range) {
  auto& ledger = core_.ledger;
  if (ledger.ring.empty()) return;
  LedgerTransaction change(ledger);
  auto given = range.start < range.end ? ledger.space.donate_useful(range) : std::nullopt;
  if (given) {
    change.note_space_changed();
    ledger.ring.grant(*given, from);
    change.ring_changed();
    change.commit();
    log::info("addresses were given to another peer: peer={} range={}", from.str(), range_text(*given));
    core_.broadcast();
  } else if (auto denied = core_.send(from, Tag::kSpaceDenied, encode_range(range)); !denied) {
    return;
  }
  send_state(from);
  hooks_.process_pending();
}

void Exchange::on_denial(PeerName from, Ipv4Range range) {
  if (!core_.space_requests.on_denial(from, range, core_.now)) return;
  if (range.size() != 1) {
    core_.ledger.changed = true;  // another peer may have some
    return hooks_.process_pending();
  }
  // When the owner has changed meanwhile, the new one will be asked.
  if (core_.ledger.ring.owner(range.start) == from) hooks_.on_refused_address(range.start, from);
}

void Exchange::peer_gone(PeerName peer) {
  core_.space_requests.forget(peer);
  if (peer == core_.config.self || !core_.ledger.ring.owned(peer).empty()) return;
  try {
    core_.nicknames.forget([&](PeerName one) { return one == peer; });
  } catch (const Error& error) {
    core_.trouble(error.what());
  }
}

size_t Exchange::ask_for_stranded() {
  if (core_.leaving) return 0;
  return core_.space_requests.ask_for_stranded(core_.now, [&](PeerName peer) { return core_.reachable(peer); });
}

// -- Ranges that change their owner permanently.

// More than one: the nickname is that of several owners.
std::vector<PeerName> Exchange::resolve(const std::string& name_or_nickname) const {
  auto named = core_.nicknames.peers_called(name_or_nickname);
  auto owners = named;
  std::erase_if(owners, [&](PeerName peer) { return core_.ledger.ring.owned(peer).empty(); });
  if (!owners.empty()) return owners;
  if (!named.empty()) return {named.front()};
  if (auto parsed = PeerName::parse(name_or_nickname)) return {*parsed};
  return {};
}

Result<uint32_t> Exchange::takeover(const std::string& name_or_nickname, bool force) {
  auto& ledger = core_.ledger;
  auto peers = resolve(name_or_nickname);
  if (peers.size() > 1)
    return Refused(
        fmt::format("several peers are called {}: {}; use the name", name_or_nickname, core_.nicknames.listed(peers)));
  if (peers.empty()) {
    log::warning("the ranges of an unknown peer can't be taken over: peer='{}'", printable(name_or_nickname));
    return 0;
  }
  auto peer = peers.front();
  if (peer == core_.config.self) log::warning("the ranges of this peer itself can't be taken over");
  if (core_.leaving || peer == core_.config.self || ledger.ring.owned(peer).empty()) return 0;
  if (!force && core_.reachable(peer))
    return Refused(
        fmt::format("peer {} can be reached, and may be using its addresses: run `weave reset` there instead",
                    core_.nicknames.shown(peer)));
  // The version rises by a random amount more: two peers that take over the same range don't get the same version.
  constexpr uint32_t spread = 64;
  uint32_t extra = core_.config.random ? static_cast<uint32_t>(core_.config.random() % spread) : 0;
  uint32_t before = ledger.space.free_count();
  LedgerTransaction change(ledger);
  ledger.ring.transfer(peer, core_.config.self, Ring::kTakeoverJump + extra);
  change.ring_changed();
  change.commit();
  hooks_.process_pending();
  core_.broadcast();
  return std::max(ledger.space.free_count(), before) - before;
}

std::optional<PeerName> Exchange::leave(const std::function<bool(PeerName)>& can_reach) {
  if (core_.leaving) return std::nullopt;
  auto other = [&](bool must_answer) -> std::optional<PeerName> {
    auto suits = [&](PeerName peer) { return !must_answer || can_reach(peer); };
    if (auto heir = core_.ledger.ring.heir(suits)) return heir;
    for (const auto& [peer, nickname] : core_.nicknames.all())
      if (peer != core_.config.self && suits(peer)) return peer;
    return std::nullopt;
  };
  heir_ = other(true);
  if (!heir_) heir_ = other(false);
  core_.leaving = true;
  try {
    hand_over();
  } catch (...) {
    core_.leaving = false;
    throw;
  }
  return heir_;
}

void Exchange::hand_over() {
  auto& ledger = core_.ledger;
  LedgerTransaction change(ledger);
  bool kept = std::exchange(ledger.keep_stored_ring, !heir_);
  try {
    ledger.ring.transfer(core_.config.self, heir_.value_or(PeerName{}));
    change.ring_changed();
    change.commit();
  } catch (...) {
    ledger.keep_stored_ring = kept;
    throw;
  }
  if (heir_ && !ledger.ring.empty()) core_.broadcast();
}

// Other peers with this peer's ring that can be reached. A connected peer without a range has the ring, too.
std::vector<PeerName> Exchange::sharers() const {
  std::set<PeerName> known;
  for (auto peer : core_.ledger.ring.owners()) known.insert(peer);
  for (const auto& [peer, nickname] : core_.nicknames.all()) known.insert(peer);
  auto others = core_.troubles.rings(core_.now);
  std::vector<PeerName> list;
  for (auto peer : known)
    if (peer != core_.config.self && !others.contains(peer) && core_.reachable(peer)) list.push_back(peer);
  return list;
}

Result<void> Exchange::rejoin(bool force) {
  auto& ledger = core_.ledger;
  if (core_.leaving) return Refused("this peer is leaving");
  if (ledger.abandoned_seeds) return Refused("our ring was given up already: that of another peer is awaited");
  if (ledger.ring.empty()) return Refused("there is no ring here that could be given up: any peer's will be taken");
  if (std::ranges::none_of(core_.troubles.rings(core_.now),
                           [](const auto& one) { return one.second.why == Troubles::ForeignRing::Why::kSeeds; }))
    return Refused(
        "no peer with another ring has been heard: connect to one first (`weave connect <peer>`), until `weave ipam "
        "diff` tells of it");
  if (auto others = sharers(); !force && !others.empty())
    return Refused(fmt::format(
        "peers that share our ring can be reached: {}; they will be cut off until they rejoin as well: run it with "
        "--force on each of them, if this is the smaller group",
        core_.nicknames.listed(others)));
  LedgerTransaction change(ledger);
  ledger.abandoned_seeds = ledger.ring.seeds();
  ledger.ring = Ring(ledger.ring.range(), core_.config.self);
  change.ring_changed();
  change.commit();
  log::warning("this peer's ring is given up, another cluster's is awaited: seeds=[{}] addresses={}",
               core_.nicknames.listed(*ledger.abandoned_seeds), ledger.allocations.size());
  core_.election.abstain();
  core_.space_requests.clear();
  core_.troubles.forget_rings();
  core_.election.set_awaited(true);
  core_.broadcast();
  hooks_.process_pending();
  return {};
}

}  // namespace weave::ipam
