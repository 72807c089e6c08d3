#include "base/log.hpp"
#include "base/text.hpp"
#include "ipam/work.hpp"

namespace weave::ipam {

Allocator::Allocator(Config config, const Persisted& stored, Save save, Links links)
    : config_(std::move(config)),
      save_(std::move(save)),
      links_(std::move(links)),
      ring_(config_.range.range(), config_.self),
      stored_ring_(ring_) {
  nicknames_[config_.self] = config_.nickname;
  if (!config_.observer) paxos_.emplace(NodeId{config_.self, config_.uid});
  bool same_peer = stored.self == config_.self, same_range = stored.range == ring_.range();
  if (same_peer && same_range) {
    // Claims outside the range may have been filed before there was a ring.
    restore(stored);
    if (!ring_.empty()) {
      mode_ = config_.seed.empty() ? "Initialising with persisted data"
                                   : "Found persisted IPAM data, ignoring supplied IPAM seed";
      return;
    }
    if (left_) {
      // A division of our own, be it by seed or by election, would part us again.
      paxos_.reset();
      awaiting_ = true;
      mode_ = "Initialising as observer - our ring was given up, awaiting that of another peer";
      return;
    }
    note_ = "No valid persisted data";
  } else {
    if (stored.self == PeerName{})
      note_ = "No valid persisted data";
    else if (!same_peer)
      note_ = "Deleting persisted data for peername " + stored.self.str();
    else
      note_ = fmt::format("Deleting persisted data for IPAM range {}; our range is {}", range_text(stored.range),
                          config_.range.str());
    save_(start_anew(stored, ring_));
  }
  mode_ = config_.observer ? "Initialising as observer - awaiting IPAM data from another peer"
                           : "Initialising via deferred consensus";
  if (!config_.seed.empty()) {
    mode_ = "Initialising with supplied IPAM seed";
    std::set<PeerName> seed(config_.seed.begin(), config_.seed.end());
    create_ring(std::vector<PeerName>(seed.begin(), seed.end()));
  }
}

void Allocator::restore(const Persisted& stored) {
  auto ring = Ring::assemble(stored.range, config_.self, stored.entries, stored.seeds);
  if (!ring) throw Error("restore the ring of addresses: " + ring.error(), "Run `weave reset` to start anew.");
  ring_ = stored_ring_ = *ring;
  space_.update(ring_.owned(config_.self));
  if (ring_.empty()) left_ = stored_left_ = stored.left;
  if (stored.election && paxos_ && ring_.empty()) {
    paxos_.emplace(stored.election->first, stored.election->second);
    election_stored_ = true;
  }
  stored_nicknames_ = stored.nicknames;
  for (const auto& [peer, nickname] : stored.nicknames) nicknames_.try_emplace(peer, nickname);
  owned_ = stored.owned;
  for (const auto& [ident, list] : owned_) {
    for (const auto& held : list) {
      holders_.emplace(held.cidr.address, ident);
      if (in_range(held.cidr.address)) space_.hold(held.cidr.address);
    }
  }
}

Answer<void> Allocator::claim_outside(const std::string& ident, Cidr cidr, bool container) {
  auto holder = holders_.find(cidr.address);
  Work work(*this);
  if (holder != holders_.end()) {
    if (ident == kAnonymous) return {};
    std::string other = holder->second;
    if (!dead_.contains(other)) return refuse(fmt::format("address {} already in use by {}", cidr.str(), other));
    work.unfile(other, cidr.address);
  }
  work.file(filed_as(ident, cidr.address), {cidr, container});
  work.commit();
  return {};
}

Answer<void> Allocator::claim_inside(const std::string& ident, Cidr cidr, bool container) {
  if (auto holder = holders_.find(cidr.address); holder != holders_.end()) {
    const auto& other = holder->second;
    if (other == cidr.address.str()) return refuse(fmt::format("address {} already in use", cidr.str()));
    if (ident == kAnonymous) return {};
    return refuse(fmt::format("address {} is already owned by {}", cidr.str(), other));
  }
  Work work(*this);
  if (auto claimed = space_.claim(cidr.address); !claimed) return refuse(claimed.error());
  work.taken(cidr.address);
  work.file(filed_as(ident, cidr.address), {cidr, container});
  work.commit();
  return {};
}

Result<void> Allocator::release(const std::string& ident, Ipv4 address) {
  auto known = owned_.find(ident);
  if (known == owned_.end() ||
      std::ranges::none_of(known->second, [&](const Held& held) { return held.cidr.address == address; }))
    return Refused(fmt::format("Free: address {} not found for {}", address.str(), ident));
  Work work(*this);
  work.unfile(ident, address);
  work.commit();
  settle();
  return {};
}

Result<void> Allocator::release_all(const std::string& ident) {
  auto known = owned_.find(ident);
  if (known == owned_.end()) return Refused(fmt::format("Delete: no addresses for {}", ident));
  Work work(*this);
  for (const auto& held : std::vector(known->second)) work.unfile(ident, held.cidr.address);
  work.commit();
  dead_.erase(ident);
  settle();
  return {};
}

std::vector<Cidr> Allocator::lookup(const std::string& ident, std::optional<Cidr> subnet) const {
  std::vector<Cidr> list;
  auto hosts = subnet.value_or(config_.default_subnet).host_range();
  if (auto known = owned_.find(ident); known != owned_.end())
    for (const auto& held : known->second)
      if (hosts.contains(held.cidr.address)) list.push_back(held.cidr);
  return list;
}

std::vector<Allocator::Owned> Allocator::owned() const {
  std::vector<Owned> list;
  for (const auto& [ident, held] : owned_) {
    list.push_back({ident, {}});
    for (const auto& one : held) list.back().addresses.push_back(one.cidr);
  }
  return list;
}

std::optional<std::string> Allocator::holder(Ipv4 address) const {
  auto found = holders_.find(address);
  return found == holders_.end() ? std::nullopt : std::optional(found->second);
}

PeerName Allocator::owner_of(Ipv4 address) const {
  return in_range(address) ? ring_.owner(address) : PeerName{};
}

bool Allocator::has_container(const std::string& ident) const {
  auto known = owned_.find(ident);
  return known != owned_.end() && std::ranges::any_of(known->second, &Held::container);
}

void Allocator::container_died(const std::string& ident, Time now) {
  if (has_container(ident)) dead_[ident] = now;
  give_up([&](const Pending& one) { return one.ident == ident; });
}

void Allocator::container_started(const std::string& ident) {
  dead_.erase(ident);
}

void Allocator::free_containers(Work& work, const std::string& ident) {
  for (const auto& held : std::vector(owned_[ident]))
    if (held.container) work.unfile(ident, held.cidr.address);
}

void Allocator::container_destroyed(const std::string& ident) {
  if (!has_container(ident)) return;
  Work work(*this);
  free_containers(work, ident);
  work.commit();
  dead_.erase(ident);
  settle();
}

std::vector<std::string> Allocator::prune(const std::set<std::string>& running) {
  std::vector<std::string> gone;
  for (const auto& [ident, held] : owned_)
    if (!running.contains(ident) && has_container(ident)) gone.push_back(ident);
  if (gone.empty()) return gone;
  Work work(*this);
  for (const auto& ident : gone) free_containers(work, ident);
  work.commit();
  for (const auto& ident : gone) dead_.erase(ident);
  settle();
  return gone;
}

std::vector<std::string> Allocator::tick(Time now) {
  now_ = now;
  std::vector<std::string> gone;
  for (const auto& [ident, died] : dead_)
    if (now - died > kDeathGrace) gone.push_back(ident);
  if (!gone.empty()) {
    Work work(*this);
    for (const auto& ident : gone)
      if (has_container(ident)) free_containers(work, ident);
    work.commit();
  }
  for (const auto& ident : gone) dead_.erase(ident);
  asked_.clear();
  for (auto& one : pending_) ++one.ticks;
  if (!pending_.empty() || awaiting_) {
    try {
      elect();
    } catch (const Error& error) {
      trouble(error.what());
    }
  }
  stale_ = true;
  settle();
  ask_back();
  return gone;
}

void Allocator::set_nickname(PeerName peer, std::string nickname) {
  take_nicknames({{peer, std::move(nickname)}});
}

}  // namespace weave::ipam
