#include "ipam/allocator.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "ipam/diagnosis.hpp"

namespace weave::ipam {

Allocator::Allocator(Config config, const Persisted& stored, Save save, Links links)
    : core_(std::move(config), std::move(save), std::move(links)),
      exchange_(core_, {[this] { process_pending(); },
                        [this](Ipv4 address, PeerName owner) { refuse_claims(address, owner); }}),
      attempts_(core_, [this] { exchange_.establish(); }) {
  start(stored);
}

void Allocator::start(const Persisted& stored) {
  const auto& config = core_.config;
  bool same_peer = stored.self == config.self, same_range = stored.range == core_.ledger.ring.range();
  if (same_peer && same_range) {
    // Claims outside the range may have been filed before there was a ring.
    core_.ledger.restore(stored);
    core_.nicknames.restore(stored.nicknames);
    if (!core_.ledger.ring.empty()) {
      mode_ = config.seed.empty() ? "Initialising with persisted data"
                                  : "Found persisted IPAM data, ignoring supplied IPAM seed";
      return;
    }
    if (stored.election) core_.election.restore(*stored.election);
    if (core_.ledger.abandoned_seeds) {
      core_.election.abstain();
      core_.election.set_awaited(true);
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
                          config.range.str());
    core_.ledger.save(start_anew(stored, core_.ledger.ring));
  }
  mode_ = config.observer ? "Initialising as observer - awaiting IPAM data from another peer"
                          : "Initialising via deferred consensus";
  if (!config.seed.empty()) {
    mode_ = "Initialising with supplied IPAM seed";
    std::set<PeerName> seed(config.seed.begin(), config.seed.end());
    exchange_.create_ring(Seeds(seed.begin(), seed.end()));
  }
}

// -- Requests.

Ticket Allocator::submit(Request request) {
  auto ticket = core_.requests.submit(std::move(request), [&](Request& one) { return attempts_.attempt(one); });
  process_pending();
  return ticket;
}

Ticket Allocator::ask_allocate(const std::string& ident, Cidr subnet, bool container) {
  return submit({.kind = Request::Kind::kAllocate, .ident = ident, .cidr = subnet, .container = container});
}

Ticket Allocator::ask_claim(const std::string& ident, Cidr cidr, bool container, ClaimMode mode) {
  return submit({.kind = Request::Kind::kClaim, .ident = ident, .cidr = cidr, .container = container, .mode = mode});
}

Ticket Allocator::ask_ring() {
  return submit({.kind = Request::Kind::kRing});
}

Answer<Cidr> Allocator::allocate(const std::string& ident, Cidr subnet, bool container) {
  return core_.requests.outcome(ask_allocate(ident, subnet, container));
}

Answer<void> Allocator::claim(const std::string& ident, Cidr cidr, bool container) {
  auto outcome = core_.requests.outcome(ask_claim(ident, cidr, container));
  if (!outcome) return tl::unexpected(std::move(outcome.error()));
  return {};
}

void Allocator::process_pending() {
  if (processing_) return;
  if (std::exchange(core_.ledger.needs_notice, false)) core_.broadcast();
  processing_ = true;
  auto attempt = [&](Request& request) -> AttemptResult {
    try {
      return attempts_.attempt(request);
    } catch (const Error& error) {
      core_.trouble(error.what());
      return refuse(error.what());
    }
  };
  // A claim may take what another request waited for, and so on; each round decides something.
  while (std::exchange(core_.ledger.changed, false) && !core_.requests.empty()) core_.requests.retry(attempt);
  processing_ = false;
}

void Allocator::refuse_claims(Ipv4 address, PeerName owner) {
  core_.requests.retry([&](Request& request) -> AttemptResult {
    if (request.kind != Request::Kind::kClaim || request.cidr.address != address) return std::nullopt;
    auto text = attempts_.owned_by_other(request.cidr, owner);
    if (request.mode == ClaimMode::kFound)
      core_.trouble(fmt::format("{} is in use here, found for {}, but {}: give that container another address",
                                request.cidr.str(), printable(request.ident), text));
    return refuse(text, Refusal::Kind::kElsewhere);
  });
}

// -- Addresses in use.

Result<void> Allocator::release(const std::string& ident, Ipv4 address) {
  if (!core_.ledger.allocations.has(ident, address))
    return Refused(fmt::format("Free: address {} not found for {}", address.str(), ident));
  LedgerTransaction change(core_.ledger);
  change.remove(ident, address);
  change.commit();
  process_pending();
  return {};
}

Result<void> Allocator::release_all(const std::string& ident) {
  auto list = core_.ledger.allocations.of(ident);
  if (list.empty()) return Refused(fmt::format("Delete: no addresses for {}", ident));
  LedgerTransaction change(core_.ledger);
  for (const auto& one : std::vector(list.begin(), list.end())) change.remove(ident, one.cidr.address);
  change.commit();
  core_.ledger.allocations.container_started(ident);
  process_pending();
  return {};
}

std::vector<Cidr> Allocator::lookup(const std::string& ident, std::optional<Cidr> subnet) const {
  std::vector<Cidr> list;
  auto hosts = subnet.value_or(core_.config.default_subnet).host_range();
  for (const auto& one : core_.ledger.allocations.of(ident))
    if (hosts.contains(one.cidr.address)) list.push_back(one.cidr);
  return list;
}

std::vector<Allocator::Owned> Allocator::owned() const {
  std::vector<Owned> list;
  for (const auto& [ident, allocations] : core_.ledger.allocations.by_ident()) {
    list.push_back({ident, {}});
    for (const auto& one : allocations) list.back().addresses.push_back(one.cidr);
  }
  return list;
}

// -- Containers and time.

void Allocator::container_died(const std::string& ident, Time now) {
  core_.ledger.allocations.container_died(ident, now);
  core_.requests.retry([&](Request& request) -> AttemptResult {
    if (request.ident != ident) return std::nullopt;
    return refuse("cancelled", Refusal::Kind::kCancelled);
  });
}

void Allocator::container_destroyed(const std::string& ident, const std::set<Ipv4>& in_use) {
  auto& allocations = core_.ledger.allocations;
  if (!allocations.has_container(ident)) return;
  LedgerTransaction change(core_.ledger);
  change.remove_container(ident, in_use);
  change.commit();
  if (allocations.has_container(ident))
    allocations.container_died(ident, core_.now - 2 * kDeathGrace);  // due with each tick
  else
    allocations.container_started(ident);
  process_pending();
}

void Allocator::reconcile(const std::set<std::string>& running, const std::set<std::string>& existing, Time now,
                          const std::set<Ipv4>& in_use) {
  for (const auto& [ident, addresses] : owned()) {
    if (running.contains(ident)) continue;
    existing.contains(ident) ? container_died(ident, now) : container_destroyed(ident, in_use);
  }
}

std::vector<std::string> Allocator::tick(Time now, const std::set<Ipv4>& in_use) {
  core_.now = now;
  auto gone = core_.ledger.allocations.expired(now);
  if (!gone.empty()) {
    LedgerTransaction change(core_.ledger);
    for (const auto& ident : gone) change.remove_container(ident, in_use);
    change.commit();
  }
  std::erase_if(gone, [&](const std::string& ident) { return core_.ledger.allocations.has_container(ident); });
  for (const auto& ident : gone) core_.ledger.allocations.container_started(ident);
  core_.space_requests.next_round();
  core_.requests.tick();
  if (!core_.requests.empty() || core_.election.awaited()) {
    try {
      exchange_.elect();
    } catch (const Error& error) {
      core_.trouble(error.what());
    }
  }
  core_.ledger.changed = true;
  process_pending();
  exchange_.ask_for_stranded();
  return gone;
}

// -- The other peers.

Result<uint32_t> Allocator::takeover(const std::string& name_or_nickname, bool force) {
  return exchange_.takeover(name_or_nickname, force);
}

std::optional<PeerName> Allocator::leave(const std::function<bool(PeerName)>& can_reach) {
  auto heir = exchange_.leave(can_reach);
  core_.requests.retry([&](Request& request) { return attempts_.attempt(request); });
  return heir;
}

std::vector<Finding> Allocator::diff() const {
  return ipam::diff(core_);
}

Report Allocator::report(const std::function<bool(PeerName)>& can_reach) const {
  return ipam::report(core_, can_reach);
}

AskedBack Allocator::repair() {
  AskedBack out;
  out.waiting = core_.ledger.abandoned_seeds.has_value();
  if (core_.leaving || core_.ledger.ring.empty()) return out;
  core_.space_requests.retry_addresses();
  out.stranded = core_.ledger.space.stranded(SIZE_MAX).size();
  out.asked = exchange_.ask_for_stranded();
  return out;
}

}  // namespace weave::ipam
