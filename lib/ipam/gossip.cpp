// The other peers: their messages, the first division, donations, and ranges that change hands for good.
#include <algorithm>
#include <bit>

#include "base/log.hpp"
#include "base/text.hpp"
#include "ipam/work.hpp"

namespace weave::ipam {
namespace {

// On a takeover the version rises by this much more, by chance: two peers that take over the same range don't end up
// with the same version.
constexpr uint32_t kTakeoverSpread = 64;
constexpr size_t kMaxTroubles = 16;

// As a CIDR if its size is that of one, wherever it starts.
std::string cidr_text(Ipv4Range range) {
  uint32_t size = range.size();
  if (range.start >= range.end || !std::has_single_bit(size)) return range_text(range);
  return Cidr{range.start, 32 - std::countr_zero(size)}.str();
}

}  // namespace

void Allocator::trouble(std::string text) {
  log::warning("[allocator] {}", text);
  if (troubles_.size() >= kMaxTroubles && !troubles_.contains(text)) {
    auto oldest = std::ranges::min_element(troubles_, {}, [](const auto& one) { return one.second; });
    troubles_.erase(oldest);
  }
  troubles_[std::move(text)] = now_;
}

// -- Out.

Result<void> Allocator::send(PeerName to, Tag tag, ByteView content) {
  if (!links_.unicast) return Refused("no way to other peers");
  return links_.unicast(to, encode_unicast(tag, content));
}

void Allocator::send_state(PeerName to) {
  if (auto bytes = state()) send(to, Tag::kRingUpdate, *bytes);
}

void Allocator::broadcast() {
  if (links_.broadcast) links_.broadcast();
}

std::optional<Bytes> Allocator::state() const {
  if (keep_stored_ring_) return std::nullopt;
  State state;
  if (links_.unix_time) state.now = links_.unix_time();
  state.nicknames = nicknames_;
  if (!ring_.empty())
    state.ring = to_wire(ring_);
  else if (paxos_)
    state.paxos = paxos_->table();
  return encode_state(state);
}

// -- The first division.

void Allocator::establish() {
  if (!ring_.empty() || leaving_ || awaiting_) return;
  if (paxos_) {
    uint32_t expected = config_.expected;
    if (expected == 0) expected = 1 + static_cast<uint32_t>(links_.targets ? links_.targets() : 0);
    paxos_->set_quorum(expected / 2 + 1);
    if (config_.expected == 0)
      log::info("[allocator {}] Assuming quorum size of {}", config_.self.str(), paxos_->quorum());
  }
  awaiting_ = true;
  try {
    propose();
  } catch (...) {
    awaiting_ = false;
    throw;
  }
}

// With each tick, as long as there is no ring and somebody waits for one.
void Allocator::elect() {
  if (!ring_.empty() || leaving_) return;
  awaiting_ ? propose() : establish();
}

void Allocator::propose() {
  if (paxos_) {
    auto before = paxos_->own();
    paxos_->propose();
    save_election(before);
    if (auto agreed = paxos_->consensus()) return create_ring(*agreed);
  }
  broadcast();
}

// What we claim has to outlive us before anybody hears of it. When it can't be saved it wasn't claimed.
void Allocator::save_election(const std::optional<Claims>& before) {
  if (paxos_->quorum() == 1) return;  // nobody else will count it
  try {
    auto change = election_change(std::pair(paxos_->self(), *paxos_->own()));
    save_(std::span(&change, 1));
    election_stored_ = true;
  } catch (...) {
    Paxos paxos(paxos_->self(), before);
    paxos.set_quorum(paxos_->quorum());
    auto table = paxos_->table();
    table.erase(paxos.self());
    paxos.update(table);
    *paxos_ = std::move(paxos);
    throw;
  }
}

void Allocator::create_ring(const std::vector<PeerName>& peers) {
  Work work(*this);
  ring_.claim_for_peers(peers);
  work.ring_changed();
  work.commit();
  awaiting_ = false;
  broadcast();
  settle();
}

void Allocator::take_election(const PaxosTable& table) {
  if (!paxos_) return;
  auto before = paxos_->own();
  if (!paxos_->update(table)) return;
  if (paxos_->think()) {
    save_election(before);
    broadcast();
  }
  if (auto agreed = paxos_->consensus(); agreed && awaiting_) create_ring(*agreed);
}

// -- In.

Result<void> Allocator::on_state(ByteView bytes, std::optional<PeerName> source) {
  auto state = decode_state(bytes);
  if (!state) return Refused(state.error());
  try {
    auto taken = take_state(*state, source);
    if (!taken) trouble(taken.error());
    return taken;
  } catch (const Error& error) {
    trouble(error.what());
    return {};
  }
}

Result<void> Allocator::on_unicast(PeerName from, ByteView message) {
  if (message.empty() || from == config_.self) return {};
  auto content = message.subspan(1);
  auto tag = static_cast<Tag>(message[0]);
  if (tag == Tag::kRingUpdate) {
    // The donor has answered; unless it refused, it may be asked again.
    std::erase_if(asked_, [&](const Asked& one) { return one.donor == from && !one.denied; });
    stale_ = true;
    auto taken = on_state(content, from);
    settle();
    return taken;
  }
  if (tag != Tag::kSpaceRequest && tag != Tag::kSpaceDenied) {
    log::debug("[allocator] a message of unknown kind is ignored: peer={} tag={}", from.str(), message[0]);
    return {};
  }
  auto range = decode_range(content);
  if (!range) return Refused(range.error());
  try {
    tag == Tag::kSpaceRequest ? on_request(from, *range) : on_denial(from, *range);
  } catch (const Error& error) {
    trouble(error.what());
  }
  return {};
}

Result<void> Allocator::take_state(const State& state, std::optional<PeerName> source) {
  take_nicknames(state.nicknames);
  if (source == config_.self) source.reset();
  if (state.ring) return take_ring(*state.ring);
  if (source) forget_unmergeable(*source);
  if (!ring_.empty()) {
    if (source) send_state(*source);
  } else if (state.paxos) {
    take_election(*state.paxos);
  } else if (source && paxos_) {
    establish();
  }
  return {};
}

Result<void> Allocator::take_ring(const WireRing& received) {
  auto theirs = Ring::assemble({received.start, received.end}, received.peer, received.entries, received.seeds);
  if (!theirs) return Refused(theirs.error());
  auto unmergeable = [&](Unmergeable::Why why, std::string text) -> Result<void> {
    note_unmergeable(received.peer, why, text);
    return Refused(std::move(text));
  };
  if (theirs->range() != ring_.range())
    return unmergeable(Unmergeable::Why::kRange,
                       fmt::format("Incompatible IP allocation ranges (received: {}, ours: {})",
                                   cidr_text(theirs->range()), config_.range.str()));
  if (!ring_.seeds().empty() && !received.seeds.empty() && ring_.seeds() != received.seeds)
    return unmergeable(Unmergeable::Why::kSeeds,
                       fmt::format("IP allocation was seeded by different peers (received: [{}], ours: [{}])",
                                   listed(received.seeds), listed(ring_.seeds())));
  if (left_ && received.seeds == *left_)
    return unmergeable(
        Unmergeable::Why::kLeft,
        fmt::format("the ring of addresses seeded by [{}] was given up here, for another one", listed(*left_)));
  forget_unmergeable(received.peer);
  bool rejoins = left_.has_value();
  Work work(*this);
  auto merged = ring_.reconcile(*theirs);
  if (!merged) return Refused(merged.error());
  if (!*merged) return {};
  work.ring_changed();
  work.commit();
  awaiting_ = false;
  if (rejoins) log::info("[allocator] another ring has taken the place of ours: seeds=[{}]", listed(ring_.seeds()));
  std::erase_if(nicknames_, [&](const auto& known) {
    return known.first != config_.self && !reachable(known.first) && ring_.owned(known.first).empty();
  });
  save_nicknames();
  if (leaving_ && !ring_.owned(config_.self).empty()) hand_over();  // a donation that was under way
  settle();
  if (rejoins) ask_back();  // before anybody else gets these addresses
  return {};
}

void Allocator::on_request(PeerName from, Ipv4Range range) {
  if (ring_.empty()) return;
  Work work(*this);
  auto given = range.start < range.end ? space_.donate_useful(range) : std::nullopt;
  if (given) {
    work.space_changed();
    ring_.grant(*given, from);
    work.ring_changed();
    work.commit();
    log::info("[allocator] gave addresses away: peer={} range={}", from.str(), range_text(*given));
    broadcast();
  } else if (auto denied = send(from, Tag::kSpaceDenied, encode_range(range)); !denied) {
    return;
  }
  send_state(from);
  settle();
}

void Allocator::on_denial(PeerName from, Ipv4Range range) {
  auto* request = asked(from, range);
  if (!request) return;
  request->denied = true;
  if (range.size() != 1) {
    stale_ = true;  // somebody else may have some
    return settle();
  }
  auto address = range.start;
  if (ring_.owner(address) != from) return;  // somebody else has it by now, and will be asked
  if (holders_.contains(address)) denied_[address] = now_;
  for (auto one = pending_.begin(); one != pending_.end();) {
    if (one->kind != Kind::kClaim || one->cidr.address != address) {
      ++one;
      continue;
    }
    auto text = owned_by_other(one->cidr, from);
    if (!one->answered)
      answers_.push_back({one->ticket, refuse(text, Refusal::Kind::kElsewhere)});
    else
      log::error("[allocator] {}", text);
    if (one->how == Claim::kFound)
      trouble(fmt::format("{} is in use here, found for {}, but {}: give that container another address",
                          one->cidr.str(), printable(one->ident), text));
    one = pending_.erase(one);
  }
}

// -- Nicknames.

void Allocator::take_nicknames(const std::map<PeerName, std::string>& nicknames) {
  for (const auto& [peer, text] : nicknames) {
    if (peer == config_.self || (nicknames_.size() >= kMaxNicknames && !nicknames_.contains(peer))) continue;
    nicknames_[peer] = printable(text.substr(0, kMaxNickname));
  }
  save_nicknames();
}

void Allocator::save_nicknames() {
  std::vector<Change> list;
  for (const auto& [peer, text] : nicknames_) {
    if (peer == config_.self) continue;
    auto stored = stored_nicknames_.find(peer);
    if (stored == stored_nicknames_.end() || stored->second != text) list.push_back(nickname_change(peer, text));
  }
  for (const auto& [peer, text] : stored_nicknames_)
    if (!nicknames_.contains(peer)) list.push_back(nickname_change(peer, {}));
  if (list.empty()) return;
  save_(list);
  stored_nicknames_ = nicknames_;
  stored_nicknames_.erase(config_.self);
}

void Allocator::peer_gone(PeerName peer) {
  std::erase_if(asked_, [&](const Asked& one) { return one.donor == peer; });
  if (peer == config_.self || !ring_.owned(peer).empty()) return;
  nicknames_.erase(peer);
  try {
    save_nicknames();
  } catch (const Error& error) {
    trouble(error.what());
  }
}

std::string Allocator::nickname(PeerName peer) const {
  auto known = nicknames_.find(peer);
  return known == nicknames_.end() ? std::string() : known->second;
}

std::string Allocator::shown(PeerName peer) const {
  auto nick = nickname(peer);
  return nick.empty() ? peer.str() : fmt::format("{}({})", peer.str(), nick);
}

std::string Allocator::listed(const std::vector<PeerName>& peers) const {
  constexpr size_t most = 64;
  std::string text;
  for (size_t i = 0; i < std::min(peers.size(), most); ++i) text += (i ? " " : "") + shown(peers[i]);
  return peers.size() > most ? text + " ..." : text;
}

// -- For good.

// More than one: the nickname is that of several owners.
std::vector<PeerName> Allocator::resolve(const std::string& name_or_nickname) const {
  std::vector<PeerName> named, owners;
  for (const auto& [peer, nickname] : nicknames_)
    if (nickname == name_or_nickname) named.push_back(peer);
  for (auto peer : named)
    if (!ring_.owned(peer).empty()) owners.push_back(peer);
  if (!owners.empty()) return owners;
  if (!named.empty()) return {named.front()};
  if (auto parsed = PeerName::parse(name_or_nickname)) return {*parsed};
  return {};
}

Result<uint32_t> Allocator::takeover(const std::string& name_or_nickname, bool force) {
  auto peers = resolve(name_or_nickname);
  if (peers.size() > 1)
    return Refused(fmt::format("several peers are called {}: {}; use the name", name_or_nickname, listed(peers)));
  if (peers.empty()) {
    log::warning("[allocator] attempt to take over range from unknown peer '{}'", printable(name_or_nickname));
    return 0;
  }
  auto peer = peers.front();
  if (peer == config_.self) log::warning("[allocator] attempt to take over range from ourself");
  if (leaving_ || peer == config_.self || ring_.owned(peer).empty()) return 0;
  if (!force && reachable(peer))
    return Refused(fmt::format(
        "peer {} can be reached, and may be using its addresses: run `weave reset` there instead", shown(peer)));
  uint32_t before = space_.free_count();
  Work work(*this);
  ring_.transfer(peer, config_.self,
                 Ring::kTakeoverJump + static_cast<uint32_t>(config_.random ? config_.random() % kTakeoverSpread : 0));
  work.ring_changed();
  work.commit();
  settle();
  broadcast();
  return std::max(space_.free_count(), before) - before;
}

std::optional<PeerName> Allocator::leave(const std::function<bool(PeerName)>& can_reach) {
  if (leaving_) return std::nullopt;
  auto other = [&](bool must_answer) -> std::optional<PeerName> {
    auto suits = [&](PeerName peer) { return !must_answer || can_reach(peer); };
    if (auto heir = ring_.heir(suits)) return heir;
    for (const auto& [peer, nick] : nicknames_)
      if (peer != config_.self && suits(peer)) return peer;
    return std::nullopt;
  };
  heir_ = other(true);
  if (!heir_) heir_ = other(false);
  leaving_ = true;
  try {
    hand_over();
  } catch (...) {
    leaving_ = false;
    throw;
  }
  give_up([](const Pending&) { return true; });
  return heir_;
}

void Allocator::hand_over() {
  Work work(*this);
  bool kept = std::exchange(keep_stored_ring_, !heir_);
  try {
    ring_.transfer(config_.self, heir_.value_or(PeerName{}));
    work.ring_changed();
    work.commit();
  } catch (...) {
    keep_stored_ring_ = kept;
    throw;
  }
  if (heir_ && !ring_.empty()) broadcast();
}

}  // namespace weave::ipam
