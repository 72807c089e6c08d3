// The addresses of this peer: which of them are free and which are in use.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "ipam/range_set.hpp"

namespace weave::ipam {

// The biggest block inside a range that can be written as a CIDR. Which one, when several are equally big, is the same
// in every implementation of the protocol. `range` must not be empty.
Ipv4Range biggest_cidr(Ipv4Range range);

// Free and used are disjoint. Together they are what we own, plus addresses that were in use when the ring gave them to
// another peer: those stay in use until they are freed, and then leave.
class Space {
 public:
  // What the ring says is ours: new addresses come in as free, lost ones leave. Returns the used ones among the lost.
  std::vector<Ipv4Range> update(std::span<const Ipv4Range> owned);

  // The lowest free address within the range, now in use. Lowest first is what users rely on.
  std::optional<Ipv4> allocate(Ipv4Range range);
  // Refuses an address that isn't free: "Address <a> is not free to claim".
  Result<void> claim(Ipv4 address);
  // In use, ours or not: what was handed out before the ring said otherwise.
  void hold(Ipv4 address);
  // Refuses an address that isn't in use: "Address <a> is not ours".
  Result<void> free(Ipv4 address);
  // A block out of the range to give to another peer; it leaves the space. It is the biggest free CIDR block, or the
  // upper half of that when it is more than half of what is free in the range. Nothing when nothing is free there.
  std::optional<Ipv4Range> donate(Ipv4Range range);
  // The same for a peer that wants addresses of a subnet: when `range` looks like one, its first or last address alone
  // would be of no use.
  std::optional<Ipv4Range> donate_useful(Ipv4Range range);

  uint32_t free_count() const { return free_.size(); }
  uint32_t free_count(Ipv4Range range) const { return free_.size(range); }
  uint32_t used_count() const { return used_.size(); }
  // Of the addresses that the ring says are ours.
  uint32_t active_count() const { return owned_.size() - free_.size(); }
  // In use, though the ring gives them to another peer; the first `limit` at most.
  std::vector<Ipv4> stranded(size_t limit) const;
  const RangeSet& owned() const { return owned_; }

 private:
  RangeSet owned_, free_, used_;
};

}  // namespace weave::ipam
