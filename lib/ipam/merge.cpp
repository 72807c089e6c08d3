// Merging two copies of the ring.
//
// Both lists of entries are walked side by side. An entry that only one side has is kept; of two with the same token
// the higher version wins, and the owner's own copy always does: it is raised above what others say. What is taken from
// others must not cover addresses that are in use here.
//
//   mine    |-- us v3 -----------------|-- B v7 --|
//   theirs  |-- us v4 --|-- A v0 ------|-- B v6 --|
//   merged  |-- us v5 --|-- A v0 ------|-- B v7 --|     if nothing is in use where A begins
#include <algorithm>

#include "ipam/range_set.hpp"
#include "ipam/ring.hpp"

namespace weave::ipam {
namespace {

using Allocated = std::function<bool(std::span<const Ipv4Range>)>;

std::string says_it_owns(const Entry& theirs) {
  return fmt::format("Peer {} says it owns the IP range from {}, which I think I own", theirs.peer.str(),
                     theirs.token.str());
}

std::vector<Ipv4Range> difference(std::span<const Ipv4Range> all, std::span<const Ipv4Range> without) {
  RangeSet set;
  for (auto range : all) set.add(range);
  for (auto range : without) set.remove(range);
  return set.runs();
}

// The walk over both lists. Errors are the texts of Weave Net. Without `allocated` versions alone decide.
class Merger {
 public:
  Merger(const Ring& mine, const Allocated& allocated) : mine_(mine), allocated_(allocated) {}

  Result<std::vector<Entry>> run(const std::vector<Entry>& theirs) {
    auto t = theirs.begin();
    for (size_t i = 0; i < mine_.entries().size(); ++i) {
      const Entry& m = mine_.entries()[i];
      for (; t != theirs.end() && t->token < m.token; ++t)
        if (auto taken = insert(*t, m.token); !taken) return Refused(taken.error());
      if (t == theirs.end() || t->token != m.token)
        keep(m);
      else if (auto chosen = choose(m, *t++, mine_.ranges(i)); !chosen)
        return Refused(chosen.error());
    }
    Ipv4 first = mine_.empty() ? mine_.range().start : mine_.entries().front().token;
    for (; t != theirs.end(); ++t)
      if (auto taken = insert(*t, first); !taken) return Refused(taken.error());
    return std::move(merged_);
  }

 private:
  bool ours(PeerName peer) const { return peer == mine_.self(); }
  void keep(const Entry& m) {
    merged_.push_back(m);
    previous_ = m.peer;
  }
  void take(const Entry& t) {
    merged_.push_back(t);
    previous_.reset();
  }
  // Two owners with one version: Weave Net keeps its own when both have as much free, so that the conflict can last.
  void settle(const Entry& m, const Entry& t) {
    if (m.free < t.free || (m.free == t.free && t.peer < m.peer)) return take(t);
    keep(m);
    if (ours(m.peer)) merged_.back().version += 1;
  }
  // A token that we don't know, in front of our token `next`.
  Result<void> insert(const Entry& t, Ipv4 next) {
    if (previous_ && ours(*previous_) && !ours(t.peer) && in_use(between(t.token, next)))
      return Refused(says_it_owns(t));
    take(t);
    return {};
  }
  bool in_use(std::span<const Ipv4Range> ranges) const { return allocated_ && allocated_(ranges); }
  Result<void> choose(const Entry& m, const Entry& t, const std::vector<Ipv4Range>& ranges) {
    if (m.version > t.version || (m.version == t.version && m.peer == t.peer)) {
      keep(m);
    } else if (m.version == t.version) {
      if (ours(m.peer) && in_use(ranges))
        return Refused(fmt::format("Inconsistent entries for {}: owned by {} but incoming message says {}",
                                   m.token.str(), m.peer.str(), t.peer.str()));
      if (allocated_)
        m.free >= t.free ? keep(m) : take(t);
      else
        settle(m, t);
    } else if (ours(m.peer) && ours(t.peer)) {
      // Somebody has a version of our entry that we don't remember: outdo it. Who owns what comes next is open again.
      merged_.push_back(m);
      merged_.back().version = t.version + 1;
    } else if (ours(m.peer) && in_use(ranges)) {
      return Refused(fmt::format("Received update for IP range I own at {} v{}: incoming message says owner {} v{}",
                                 m.token.str(), m.version, t.peer.str(), t.version));
    } else {
      take(t);
    }
    return {};
  }
  std::vector<Ipv4Range> between(Ipv4 start, Ipv4 end) const {
    if (end == mine_.range().start) end = mine_.range().end;
    if (end > start) return {{start, end}};
    return {{mine_.range().start, end}, {start, mine_.range().end}};
  }

  const Ring& mine_;
  const Allocated& allocated_;
  std::vector<Entry> merged_;
  std::optional<PeerName> previous_;  // owner of the last entry that was ours to keep; none after one of theirs
};

}  // namespace

Result<void> Ring::comparable(const Ring& theirs) const {
  if (auto checked = theirs.check(); !checked) return checked;
  if (!seeds_.empty() && !theirs.seeds_.empty() && seeds_ != theirs.seeds_)
    return Refused("Received ring was seeded differently from ours");
  if (range_ != theirs.range_) return Refused("Received range differs from ours");
  return {};
}

Result<Ring> Ring::merged(std::vector<Entry> entries, const Ring& theirs, bool clip_all) const {
  Ring result(range_, self_);
  result.entries_ = std::move(entries);
  result.seeds_ = seeds_.empty() ? theirs.seeds_ : seeds_;
  for (size_t i = 0; i < result.entries_.size(); ++i) {
    auto& entry = result.entries_[i];
    if (clip_all || entry.peer == self_) entry.free = std::min(entry.free, distance(entry.token, result.next_token(i)));
  }
  if (auto checked = result.check(); !checked) return Refused("Merge of incoming data causes: " + checked.error());
  return result;
}

Result<bool> Ring::merge(const Ring& theirs, const Allocated& allocated) {
  if (auto fits = comparable(theirs); !fits) return Refused(fits.error());
  auto entries = Merger(*this, allocated).run(theirs.entries_);
  if (!entries) return Refused(entries.error());
  auto result = merged(std::move(*entries), theirs, false);
  if (!result) return Refused(result.error());
  // The walk looks at the first of several tokens within a range of ours only, as Weave Net does.
  auto lost = difference(owned(self_), result->owned(self_));
  for (auto range : lost)
    if (allocated(std::span(&range, 1))) return Refused(says_it_owns(result->entries_[result->find(range.start)]));
  bool changed = *result != *this;
  *this = std::move(*result);
  return changed;
}

Result<bool> Ring::reconcile(const Ring& theirs) {
  if (auto fits = comparable(theirs); !fits) return Refused(fits.error());
  // Two histories may have an entry whole and split: its owner will say what is free in what is left.
  auto result = merged(*Merger(*this, {}).run(theirs.entries_), theirs, true);
  if (!result) return Refused(result.error());
  bool changed = *result != *this;
  *this = std::move(*result);
  return changed;
}

}  // namespace weave::ipam
