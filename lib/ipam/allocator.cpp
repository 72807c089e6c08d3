#include "ipam/allocator.hpp"

namespace weave::ipam {
namespace {

const std::string kAnonymous = "_";

// Where an address of `ident` is filed.
std::string filed_as(const std::string& ident, Ipv4 address) {
  return ident == kAnonymous ? address.str() : ident;
}

auto refuse(std::string text, Refusal::Kind kind = Refusal::Kind::kRefused) {
  return tl::unexpected(Refusal{kind, std::move(text)});
}

}  // namespace

// One change of the state, all or nothing: without commit(), or when saving fails, everything is as before.
class Allocator::Work {
 public:
  explicit Work(Allocator& a) : a_(a), ring_(a.ring_) {}
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  ~Work() {
    if (!done_) roll_back();
  }

  // The caller has taken the address from the space, if it lies in the range.
  void file(const std::string& ident, Held held) {
    touch(ident);
    a_.owned_[ident].push_back(held);
    a_.holders_.emplace(held.cidr.address, ident);
  }
  void taken(Ipv4 address) { taken_.push_back(address); }
  void mark_container(const std::string& ident, Ipv4 address) {
    touch(ident);
    for (auto& held : a_.owned_[ident])
      if (held.cidr.address == address) held.container = true;
  }
  // `give_back`: the address becomes free in the space as well.
  void unfile(const std::string& ident, Ipv4 address, bool give_back = true) {
    touch(ident);
    auto& list = a_.owned_[ident];
    std::erase_if(list, [&](const Held& held) { return held.cidr.address == address; });
    if (list.empty()) a_.owned_.erase(ident);
    auto holder = a_.holders_.find(address);
    if (holder == a_.holders_.end() || holder->second != ident) return;
    a_.holders_.erase(holder);
    if (give_back && a_.space_.free(address)) freed_.push_back(address);
  }
  void ring_changed() { a_.space_.update(a_.ring_.owned(a_.config_.self)); }

  void commit() {
    a_.ring_.report_free([&](Ipv4Range range) { return a_.space_.free_count(range); });
    std::vector<Change> list;
    if (!a_.keep_stored_ring_) list = changes(a_.stored_ring_, a_.ring_);
    for (const auto& [ident, before] : before_) {
      auto now = a_.owned_.find(ident);
      list.push_back(owned_change(ident, now == a_.owned_.end() ? std::span<const Held>() : now->second));
    }
    if (!list.empty()) a_.save_(list);
    if (!a_.keep_stored_ring_) a_.stored_ring_ = a_.ring_;
    done_ = true;
  }

 private:
  void touch(const std::string& ident) {
    auto found = a_.owned_.find(ident);
    before_.try_emplace(ident, found == a_.owned_.end() ? std::vector<Held>() : found->second);
  }
  void roll_back() {
    for (auto address : taken_) a_.space_.free(address);
    for (auto address : freed_) a_.space_.hold(address);
    bool ring_differs = a_.ring_ != ring_;
    a_.ring_ = std::move(ring_);
    if (ring_differs) ring_changed();
    for (const auto& [ident, before] : before_) {
      std::erase_if(a_.holders_, [&](const auto& filed) { return filed.second == ident; });
      a_.owned_.erase(ident);
    }
    for (auto& [ident, before] : before_) {
      if (before.empty()) continue;
      for (const auto& held : before) a_.holders_.emplace(held.cidr.address, ident);
      a_.owned_[ident] = std::move(before);
    }
  }

  Allocator& a_;
  Ring ring_;
  std::map<std::string, std::vector<Held>> before_;  // of the idents touched
  std::vector<Ipv4> taken_, freed_;
  bool done_ = false;
};

Allocator::Allocator(Config config, const Persisted& stored, Save save)
    : config_(std::move(config)),
      save_(std::move(save)),
      ring_(config_.range.range(), config_.self),
      stored_ring_(ring_) {
  nicknames_[config_.self] = config_.nickname;
  bool same_peer = stored.self == config_.self, same_range = stored.range == ring_.range();
  if (same_peer && same_range) {
    // Claims outside the range may have been filed before there was a ring.
    restore(stored);
    if (!ring_.empty()) {
      note_ = config_.seed.empty() ? "Initialising with persisted data"
                                   : "Found persisted IPAM data, ignoring supplied IPAM seed";
      return;
    }
    note_ = "No valid persisted data";
  } else {
    if (stored.self == PeerName{})
      note_ = "No valid persisted data";
    else if (!same_peer)
      note_ = "Deleting persisted data for peername " + stored.self.str();
    else
      note_ = fmt::format("Deleting persisted data for IPAM range {}-{}; our range is {}", stored.range.start.str(),
                          (stored.range.end + UINT32_MAX).str(), config_.range.str());
    save_(start_anew(stored, ring_));
  }
  if (config_.seed.empty()) return;
  Work work(*this);
  std::set<PeerName> seed(config_.seed.begin(), config_.seed.end());
  ring_.claim_for_peers(std::vector<PeerName>(seed.begin(), seed.end()));
  work.ring_changed();
  work.commit();
}

void Allocator::restore(const Persisted& stored) {
  auto ring = Ring::assemble(stored.range, config_.self, stored.entries, stored.seeds);
  if (!ring) throw Error("restore the ring of addresses: " + ring.error(), "Run `weave reset` to start anew.");
  ring_ = stored_ring_ = *ring;
  space_.update(ring_.owned(config_.self));
  owned_ = stored.owned;
  for (const auto& [ident, list] : owned_) {
    for (const auto& held : list) {
      holders_.emplace(held.cidr.address, ident);
      if (in_range(held.cidr.address)) space_.hold(held.cidr.address);
    }
  }
}

void Allocator::establish() {
  if (!ring_.empty() || leaving_) return;
  Work work(*this);
  ring_.claim_for_peers(std::array{config_.self});
  work.ring_changed();
  work.commit();
}

Answer<Cidr> Allocator::allocate(const std::string& ident, Cidr subnet, bool container) {
  if (leaving_) return refuse("cancelled", Refusal::Kind::kCancelled);
  if (auto known = owned_.find(ident); known != owned_.end()) {
    for (const auto& held : known->second) {
      if (!subnet.contains(held.cidr.address)) continue;
      Ipv4 address = held.cidr.address;
      dead_.erase(ident);
      if (container && !held.container) {
        Work work(*this);
        work.mark_container(ident, address);
        work.commit();
      }
      return Cidr{address, subnet.prefix};
    }
  }
  if (!subnet.overlaps(config_.range))
    return refuse(fmt::format("range {} out of bounds: {}", subnet.str(), config_.range.str()));
  establish();
  Work work(*this);
  auto address = space_.allocate(subnet.host_range());
  if (!address) return refuse(fmt::format("no free address in {}", subnet.str()), Refusal::Kind::kFull);
  work.taken(*address);
  work.file(filed_as(ident, *address), {{*address, subnet.prefix}, container});
  work.commit();
  return Cidr{*address, subnet.prefix};
}

Answer<void> Allocator::claim(const std::string& ident, Cidr cidr, bool container) {
  if (leaving_) return refuse("cancelled", Refusal::Kind::kCancelled);
  auto holder = holders_.find(cidr.address);
  if (holder != holders_.end() && holder->second == filed_as(ident, cidr.address)) {
    dead_.erase(ident);
    const auto& list = owned_[holder->second];
    auto held = std::ranges::find(list, cidr.address, [](const Held& one) { return one.cidr.address; });
    if (container && !held->container) {
      Work work(*this);
      work.mark_container(holder->second, cidr.address);
      work.commit();
    }
    return {};
  }
  return in_range(cidr.address) ? claim_inside(ident, cidr, container) : claim_outside(ident, cidr, container);
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
  establish();
  dead_.erase(ident);
  if (PeerName owner = ring_.owner(cidr.address); owner != config_.self) {
    std::string nick = nickname(owner);
    return refuse(fmt::format("address {} is owned by other peer {}{}", cidr.str(), owner.str(),
                              nick.empty() ? "" : fmt::format(" ({})", nick)),
                  Refusal::Kind::kElsewhere);
  }
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
  return {};
}

Result<void> Allocator::release_all(const std::string& ident) {
  auto known = owned_.find(ident);
  if (known == owned_.end()) return Refused(fmt::format("Delete: no addresses for {}", ident));
  Work work(*this);
  for (const auto& held : std::vector(known->second)) work.unfile(ident, held.cidr.address);
  work.commit();
  dead_.erase(ident);
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
  return gone;
}

std::vector<std::string> Allocator::tick(Time now) {
  std::vector<std::string> gone;
  for (const auto& [ident, died] : dead_)
    if (now - died > kDeathGrace) gone.push_back(ident);
  if (gone.empty()) return gone;
  Work work(*this);
  for (const auto& ident : gone)
    if (has_container(ident)) free_containers(work, ident);
  work.commit();
  for (const auto& ident : gone) dead_.erase(ident);
  return gone;
}

uint32_t Allocator::takeover(const std::string& name_or_nickname) {
  PeerName peer;
  auto named = std::ranges::find(nicknames_, name_or_nickname, [](const auto& known) { return known.second; });
  if (named != nicknames_.end())
    peer = named->first;
  else if (auto parsed = PeerName::parse(name_or_nickname))
    peer = *parsed;
  if (leaving_ || peer == config_.self || ring_.owned(peer).empty()) return 0;
  uint32_t before = space_.free_count();
  Work work(*this);
  ring_.transfer(peer, config_.self);
  work.ring_changed();
  work.commit();
  return space_.free_count() - before;
}

std::optional<PeerName> Allocator::leave(const std::function<bool(PeerName)>& reachable) {
  if (leaving_) return std::nullopt;
  auto other = [&](bool must_answer) -> std::optional<PeerName> {
    auto suits = [&](PeerName peer) { return !must_answer || reachable(peer); };
    if (auto heir = ring_.heir(suits)) return heir;
    for (const auto& [peer, nick] : nicknames_)
      if (peer != config_.self && suits(peer)) return peer;
    return std::nullopt;
  };
  auto heir = other(true);
  if (!heir) heir = other(false);
  Work work(*this);
  keep_stored_ring_ = !heir;
  ring_.transfer(config_.self, heir.value_or(PeerName{}));
  work.ring_changed();
  leaving_ = true;
  try {
    work.commit();
  } catch (...) {
    leaving_ = keep_stored_ring_ = false;
    throw;
  }
  return heir;
}

void Allocator::set_nickname(PeerName peer, std::string nickname) {
  nicknames_[peer] = std::move(nickname);
}

std::string Allocator::nickname(PeerName peer) const {
  auto known = nicknames_.find(peer);
  return known == nicknames_.end() ? std::string() : known->second;
}

Report Allocator::report(const std::function<bool(PeerName)>& reachable) const {
  Report report;
  report.range = config_.range;
  report.default_subnet = config_.default_subnet;
  report.range_num_ips = ring_.range().size();
  report.active_ips = space_.active_count();
  for (size_t i = 0; i < ring_.entries().size(); ++i) {
    const auto& entry = ring_.entries()[i];
    bool known = entry.peer == config_.self || reachable(entry.peer);
    for (auto range : ring_.ranges(i))
      report.entries.push_back({range.start, range.size(), entry.peer, nickname(entry.peer), known, entry.version});
  }
  if (ring_.empty())
    report.status = "idle";
  else if (std::ranges::any_of(report.entries, &Report::Share::known))
    report.status = "ready";
  else
    report.status = "all IP ranges owned by unreachable peers - use 'rmpeer' if they are dead";
  return report;
}

}  // namespace weave::ipam
