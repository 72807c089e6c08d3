#include "ipam/diagnosis.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace weave::ipam {
namespace {

constexpr size_t kMaxStrandedReported = 32;
constexpr size_t kMaxStrandedFound = 1024;
constexpr size_t kMaxRanges = 8;  // of an owner, in a finding

using Why = Troubles::ForeignRing::Why;

// What to do about a refusal that closes connections.
std::string with_advice(const std::string& text) {
  if (text.starts_with("IP allocation was seeded by different peers"))
    return text +
           ": two groups of peers shared out the range separately; run `weave ipam repair --rejoin` on the peers of "
           "the smaller group, and not on the others";
  if (text.starts_with("Incompatible IP allocation ranges"))
    return text + ": launch all peers with the same --ipalloc-range";
  return text;
}

std::string status_of(const Core& core, const Report& report) {
  if (report.election)
    return core.election.votes() ? fmt::format("awaiting consensus (quorum: {}, known: {})", report.election->quorum,
                                               report.election->known)
                                 : "priming";
  if (core.ledger.ring.empty()) return "idle";
  if (std::ranges::none_of(report.entries, &Report::Share::known))
    return "all IP ranges owned by unreachable peers - use 'rmpeer' if they are dead";
  return report.pending_allocates.empty() ? "ready" : "waiting for IP(s) to become available";
}

void add_stranded(const Core& core, Report& report) {
  for (auto address : core.ledger.space.stranded(kMaxStrandedReported)) {
    auto owner = core.ledger.ring.owner(address);
    auto ident = core.ledger.allocations.holder(address).value_or("");
    bool denied = core.space_requests.was_denied(address);
    report.stranded.push_back({address, ident, owner, core.nicknames.of(owner), denied});
    report.problems.push_back(fmt::format(
        "address {} is in use here by {}, but its range now belongs to peer {}: {}", address.str(), printable(ident),
        core.nicknames.shown(owner),
        denied ? "it was asked for and denied, so another container may have it; give this container another"
               : "it will be asked for as soon as that peer can be reached"));
  }
}

void find_foreign_rings(const Core& core, std::vector<Finding>& list) {
  for (const auto& [peer, ring] : core.troubles.rings(core.now))
    list.push_back({fmt::format("peer {} can't be merged with: {}", core.nicknames.shown(peer), ring.text),
                    ring.why == Why::kSeeds
                        ? "run `weave ipam repair --rejoin` on the peers of the smaller group, not on the others"
                    : ring.why == Why::kGivenUp ? "run `weave ipam repair --rejoin --force` there, too"
                                                : "launch both with the same --ipalloc-range"});
}

void find_stranded(const Core& core, std::vector<Finding>& list) {
  for (auto address : core.ledger.space.stranded(kMaxStrandedFound)) {
    auto owner = core.ledger.ring.owner(address);
    bool denied = core.space_requests.was_denied(address);
    list.push_back(
        {fmt::format("address {}, in use here by {}, belongs to peer {}{}", address.str(),
                     printable(core.ledger.allocations.holder(address).value_or("")), core.nicknames.shown(owner),
                     denied ? ", which was asked for it and denied it" : ""),
         denied ? "another container may have it; give this one another address (`weave detach`, `weave attach`)"
         : core.reachable(owner) ? "run `weave ipam repair` to ask for it now"
                                 : "it is asked for when that peer can be reached"});
  }
}

void find_unreachable_owners(const Core& core, std::vector<Finding>& list) {
  for (auto peer : core.ledger.ring.owners()) {
    if (peer == core.config.self || core.reachable(peer)) continue;
    std::vector<std::string> texts;
    auto ranges = core.ledger.ring.owned(peer);
    uint64_t size = 0;
    for (auto range : ranges) {
      size += range.size();
      if (texts.size() < kMaxRanges) texts.push_back(range_text(range));
    }
    if (ranges.size() > kMaxRanges) texts.push_back("...");
    list.push_back(
        {fmt::format("{} addresses ({}) belong to peer {}, which can't be reached", size, fmt::join(texts, ", "),
                     core.nicknames.shown(peer)),
         fmt::format("start it again; if it never comes back, run `weave rmpeer {}` on one peer only", peer.str())});
  }
}

}  // namespace

Report report(const Core& core, const std::function<bool(PeerName)>& can_reach) {
  const auto& ring = core.ledger.ring;
  Report report;
  report.range = core.config.range;
  report.default_subnet = core.config.default_subnet;
  report.range_num_ips = ring.range().size();
  report.active_ips = core.ledger.space.active_count();
  for (size_t i = 0; i < ring.entries().size(); ++i) {
    const auto& entry = ring.entries()[i];
    bool known = entry.peer == core.config.self || can_reach(entry.peer);
    for (auto range : ring.ranges(i))
      report.entries.push_back(
          {range.start, range.size(), entry.peer, core.nicknames.of(entry.peer), known, entry.version});
  }
  for (const auto& one : core.requests.pending()) {
    if (one.kind == Request::Kind::kClaim) report.pending_claims.emplace_back(one.ident, one.cidr);
    if (one.kind == Request::Kind::kAllocate) report.pending_allocates.push_back(one.ident + " " + one.cidr.str());
  }
  if (core.election.awaited() && ring.empty()) {
    report.election = Report::Election{false, 0, 0};
    if (auto* table = core.election.table())
      report.election = Report::Election{true, table->size(), core.election.quorum()};
  }
  report.status = status_of(core, report);

  if (!core.leaving && !ring.empty()) add_stranded(core, report);
  if (!core.leaving && core.ledger.abandoned_seeds)
    report.problems.push_back(
        "our ring of addresses was given up, and none of another peer has come yet: no addresses are given out; see "
        "that a peer of the other group is connected (`weave connect <peer>`)");
  for (const auto& text : core.troubles.recent(core.now)) report.problems.push_back(with_advice(text));
  return report;
}

std::vector<Finding> diff(const Core& core) {
  std::vector<Finding> list;
  if (core.leaving) return list;
  find_foreign_rings(core, list);
  if (core.ledger.abandoned_seeds)
    list.push_back({fmt::format("our ring, seeded by [{}], was given up, and no other has come yet",
                                core.nicknames.listed(*core.ledger.abandoned_seeds)),
                    "run `weave connect` with a peer that has one"});
  if (!core.ledger.ring.empty()) {
    find_stranded(core, list);
    find_unreachable_owners(core, list);
  }
  for (const auto& text : core.troubles.recent(core.now))
    if (!core.troubles.is_about_a_ring(text)) list.push_back({text, "see `weave logs`"});
  return list;
}

}  // namespace weave::ipam
