// The ring: how the peers share out the range of addresses.
//
//   10.0.0.0          10.0.0.64              10.0.0.192        10.0.1.0
//   |---- peer A -----|------- peer B -------|---- peer A -----|
//   token 10.0.0.0    token 10.0.0.64        token 10.0.0.192
//
// An entry owns from its token to the next one; the last one wraps round to the first. Entries are never removed. Each
// change raises the version of the entry, and a split raises the version of the entry in front as well: peers that
// learn of both halves in any order come to the same ring.
//
// Source: Weave Net 2.8.1, ipam/ring/ring.go and ipam/ring/entry.go.
#pragma once
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "address/ipv4.hpp"
#include "address/mac.hpp"

namespace weave::ipam {

struct Entry {
  Ipv4 token;  // first address
  PeerName peer;
  uint32_t version = 0;
  uint32_t free = 0;  // free addresses as the owner said last: a hint for those who need some

  bool operator==(const Entry&) const = default;
};

class Ring {
 public:
  // No entries: the range is not divided yet. `self` is the peer that holds this copy.
  Ring(Ipv4Range range, PeerName self) : range_(range), self_(self) {}
  // A ring from outside. Refuses what check() refuses.
  static Result<Ring> assemble(Ipv4Range range, PeerName self, std::vector<Entry> entries, std::vector<PeerName> seeds);

  bool operator==(const Ring&) const = default;

  Ipv4Range range() const { return range_; }
  PeerName self() const { return self_; }
  bool empty() const { return entries_.empty(); }
  // Ascending by token.
  const std::vector<Entry>& entries() const { return entries_; }
  // The peers of the first division, ascending; two clusters differ here.
  const std::vector<PeerName>& seeds() const { return seeds_; }

  // The first broken rule of a ring, in the words of Weave Net: order, duplicates, bounds, too much free space.
  Result<void> check() const;

  // The first division, by halves. Needs an empty ring and peers ascending without duplicates; does the same on every
  // peer. With more peers than addresses some get nothing.
  void claim_for_peers(std::span<const PeerName> peers);
  // Gives a range that is ours to a peer. Throws Error when it isn't ours as a whole.
  void grant(Ipv4Range range, PeerName to);
  // Everything of one peer to another, with a version jump that wins over what the loser may still have changed.
  // Returns the ranges that changed their owner.
  static constexpr uint32_t kTakeoverJump = 100;
  std::vector<Ipv4Range> transfer(PeerName from, PeerName to, uint32_t jump = kTakeoverJump);
  // Brings the free counts of our entries up to date; `free_in` counts the free addresses of a range. True when
  // something changed.
  bool report_free(const std::function<uint32_t(Ipv4Range)>& free_in);
  // The same when it is known which addresses became free (+1) or were taken (-1) since; those of others don't count.
  void adjust_free(std::span<const std::pair<Ipv4, int>> changes);

  // Takes in what another peer says of the ring: newer versions and unknown tokens. `allocated` tells whether an
  // address within the ranges is in use here; such a range isn't given up: that is refused in the words of Weave Net,
  // and nothing changes. True when the ring is another one than before, and so has to be stored.
  Result<bool> merge(const Ring& theirs, const std::function<bool(std::span<const Ipv4Range>)>& allocated);
  // The same, without a look at what is in use: the newer version wins, also against us, so that all peers come to one
  // ring whatever has happened. Only a ring of another range or another first division is refused. When two peers took
  // over the same range with the same version, the one with more free addresses has it, or else the lower name, and
  // raises the version.
  Result<bool> reconcile(const Ring& theirs);

  // Unknown (0) while the ring is empty. The address must lie within the range.
  PeerName owner(Ipv4 address) const;
  // Ascending; neighbours of one owner stay apart, an entry that wraps gives two.
  std::vector<Ipv4Range> owned(PeerName peer) const;
  // Everybody who owns something, ascending by name.
  std::vector<PeerName> owners() const;
  // Other peers that may have space in the range, with the sum of free addresses of those of their entries that touch
  // it, in order of appearance.
  std::vector<std::pair<PeerName, uint64_t>> donors(Ipv4Range range) const;
  // The owner of the first entry that isn't ours and passes.
  std::optional<PeerName> heir(const std::function<bool(PeerName)>& suits) const;

  // Addresses from `from` up to, not including, `to`, around the end; the whole range when they are equal.
  uint32_t distance(Ipv4 from, Ipv4 to) const;
  // The ranges of entry number `index`: one, or two when it wraps.
  std::vector<Ipv4Range> ranges(size_t index) const;

 private:
  Ipv4 next_token(size_t index) const { return entries_[(index + 1) % entries_.size()].token; }
  // The entry that owns an address.
  size_t find(Ipv4 address) const;
  void divide(Ipv4Range range, std::span<const PeerName> peers);
  Result<void> comparable(const Ring& theirs) const;
  // Another copy of this ring with these entries, checked. Counts of free addresses that are too big for what an entry
  // has become are cut, of all or of ours only.
  Result<Ring> merged(std::vector<Entry> entries, const Ring& theirs, bool clip_all) const;

  Ipv4Range range_;
  PeerName self_;
  std::vector<Entry> entries_;
  std::vector<PeerName> seeds_;
};

}  // namespace weave::ipam
