#include "ipam/ledger.hpp"

#include "base/error.hpp"

namespace weave::ipam {

void Ledger::restore(const Persisted& data) {
  auto assembled = Ring::assemble(data.range, self(), data.entries, data.seeds);
  if (!assembled)
    throw Error("restore the ring of addresses: " + assembled.error(), "Run `weave reset` to start anew.");
  ring = stored.ring = *assembled;
  space.update(ring.owned(self()));
  if (ring.empty()) abandoned_seeds = stored.abandoned_seeds = data.abandoned_seeds;
  allocations = Allocations(data.owned);
  for (const auto& [ident, list] : allocations.by_ident())
    for (const auto& one : list)
      if (in_range(one.cidr.address)) space.hold(one.cidr.address);
}

void LedgerTransaction::add(const std::string& ident, Allocation allocation) {
  remember(ident);
  ledger_.allocations.add(ident, allocation);
}

void LedgerTransaction::mark_container(const std::string& ident, Ipv4 address) {
  remember(ident);
  ledger_.allocations.mark_container(ident, address);
}

void LedgerTransaction::remove(const std::string& ident, Ipv4 address) {
  remember(ident);
  if (ledger_.allocations.remove(ident, address) && ledger_.space.free(address)) freed_.push_back(address);
}

void LedgerTransaction::remove_container(const std::string& ident, const std::set<Ipv4>& in_use) {
  auto list = ledger_.allocations.of(ident);
  for (const auto& one : std::vector(list.begin(), list.end()))
    if (one.container && !in_use.contains(one.cidr.address)) remove(ident, one.cidr.address);
}

void LedgerTransaction::ring_changed() {
  ledger_.space.update(ledger_.ring.owned(ledger_.self()));
  ranges_changed_ = true;
}

void LedgerTransaction::commit() {
  auto& l = ledger_;
  if (ranges_changed_) {
    l.ring.report_free([&](Ipv4Range range) { return l.space.free_count(range); });
  } else {
    std::vector<std::pair<Ipv4, int>> changes;
    for (auto address : taken_) changes.emplace_back(address, -1);
    for (auto address : freed_) changes.emplace_back(address, 1);
    l.ring.adjust_free(changes);
  }
  std::vector<Change> list;
  if (!l.keep_stored_ring) {
    list = changes(l.stored.ring, l.ring);
    if (l.stored.election && !l.ring.empty()) list.push_back(election_change({}));
  }
  for (const auto& [ident, before] : before_) list.push_back(owned_change(ident, l.allocations.of(ident)));
  if (!l.ring.empty()) l.abandoned_seeds.reset();
  if (l.abandoned_seeds != l.stored.abandoned_seeds) list.push_back(abandoned_seeds_change(l.abandoned_seeds));
  if (!list.empty()) l.save(list);
  l.stored.abandoned_seeds = l.abandoned_seeds;
  if (!l.keep_stored_ring) {
    l.stored.ring = l.ring;
    if (!l.ring.empty()) l.stored.election = false;
  }
  if (ranges_changed_ || !freed_.empty()) l.changed = true;
  if (usable_before_ == 0 && !freed_.empty()) l.needs_notice = true;
  done_ = true;
}

void LedgerTransaction::remember(const std::string& ident) {
  auto list = ledger_.allocations.of(ident);
  before_.try_emplace(ident, list.begin(), list.end());
}

void LedgerTransaction::roll_back() {
  for (auto address : taken_) ledger_.space.free(address);
  for (auto address : freed_) ledger_.space.hold(address);
  ledger_.ring = std::move(ring_);
  ledger_.abandoned_seeds = std::move(abandoned_seeds_);
  if (ranges_changed_) ring_changed();
  // An address may have moved from one ident to another: all go before any returns.
  for (const auto& [ident, before] : before_) ledger_.allocations.replace(ident, {});
  for (auto& [ident, before] : before_) ledger_.allocations.replace(ident, std::move(before));
}

}  // namespace weave::ipam
