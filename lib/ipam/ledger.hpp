// What this peer owns and has given out, in memory and in the store, and the transactions that change it.
//
//   LedgerTransaction change(ledger);          remembers the ring
//   ledger.space.claim(address) ...      changes of ring, space and allocations
//   change.commit();                     one write to the store; without it, or when it throws, all is as before
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ipam/allocations.hpp"
#include "ipam/ring.hpp"
#include "ipam/space.hpp"

namespace weave::ipam {

using Seeds = std::vector<PeerName>;  // the peers of a ring's first division

struct Ledger {
  Ledger(Ipv4Range range, PeerName self, Save save_changes)
      : save(std::move(save_changes)), ring(range, self), stored{ring, {}, false} {}
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // Takes over what was stored. Throws Error when that isn't a ring.
  void restore(const Persisted& data);

  PeerName self() const { return ring.self(); }
  bool in_range(Ipv4 address) const { return ring.range().contains(address); }
  // Free addresses that a container can get: not the first and the last of the range, which are the network's and the
  // broadcast address of the default subnet.
  uint32_t usable() const {
    auto range = ring.range();
    return range.size() > 2 ? space.free_count({range.start + 1, Ipv4{range.end.value - 1}}) : space.free_count();
  }

  Save save;
  Ring ring;
  Space space;  // the ring's ranges of this peer
  Allocations allocations;
  // Seeds of the ring that rejoin() dropped; set until another ring is received.
  std::optional<Seeds> abandoned_seeds;
  // This peer left without an heir: the store keeps the ring, the ring in memory leaves its ranges without an owner.
  bool keep_stored_ring = false;

  // What the store says.
  struct Stored {
    Ring ring;
    std::optional<Seeds> abandoned_seeds;
    bool election = false;  // a promise of an election
  };
  Stored stored;

  // Set by a transaction, reset by the code that acts on it.
  bool changed = false;       // a pending request may succeed now
  bool needs_notice = false;  // addresses became free where no usable one was: other peers have to learn of it
};

class LedgerTransaction {
 public:
  explicit LedgerTransaction(Ledger& ledger)
      : ledger_(ledger),
        ring_(ledger.ring),
        abandoned_seeds_(ledger.abandoned_seeds),
        usable_before_(ledger.usable()) {}
  LedgerTransaction(const LedgerTransaction&) = delete;
  LedgerTransaction& operator=(const LedgerTransaction&) = delete;
  ~LedgerTransaction() {
    if (!done_) roll_back();
  }

  // Files an address under an ident. The caller has taken the address from the space, if it lies in the range.
  void add(const std::string& ident, Allocation allocation);
  // The caller has taken a free address from the space.
  void note_taken(Ipv4 address) { taken_.push_back(address); }
  void mark_container(const std::string& ident, Ipv4 address);
  // Removes an address of an ident; the address becomes free in the space.
  void remove(const std::string& ident, Ipv4 address);
  // Removes the addresses that the ident has as a container, but for those that are `in_use` all the same.
  void remove_container(const std::string& ident, const std::set<Ipv4>& in_use = {});
  // The caller has changed the ring: its ranges of this peer become those of the space.
  void ring_changed();
  // The caller has taken a range from the space, and will change the ring.
  void note_space_changed() { ranges_changed_ = true; }

  // Counts what is free, writes all changes to the store, and sets the ledger's flags. Throws what `save` throws.
  void commit();

 private:
  void remember(const std::string& ident);
  void roll_back();

  Ledger& ledger_;
  Ring ring_;
  std::optional<Seeds> abandoned_seeds_;
  uint32_t usable_before_;
  Allocations::ByIdent before_;  // of the idents that were changed
  std::vector<Ipv4> taken_, freed_;
  bool ranges_changed_ = false;
  bool done_ = false;
};

}  // namespace weave::ipam
