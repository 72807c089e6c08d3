#include "ipam/report.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "ipam/allocator.hpp"

namespace weave::ipam {
namespace {

// Trouble that hasn't come up again for so long is over.
constexpr auto kTroubleLasts = std::chrono::seconds(120);
constexpr size_t kMaxStranded = 32;

// What to do about a refusal that closes connections.
std::string with_advice(const std::string& text) {
  if (text.starts_with("IP allocation was seeded by different peers"))
    return text +
           ": two groups of peers shared out the range separately; run `weave ipam repair --rejoin` on the peers of "
           "the "
           "smaller group, and not on the others";
  if (text.starts_with("Incompatible IP allocation ranges"))
    return text + ": launch all peers with the same --ipalloc-range";
  return text;
}

}  // namespace

Report Allocator::report(const std::function<bool(PeerName)>& can_reach) const {
  Report report;
  report.range = config_.range;
  report.default_subnet = config_.default_subnet;
  report.range_num_ips = ring_.range().size();
  report.active_ips = space_.active_count();
  for (size_t i = 0; i < ring_.entries().size(); ++i) {
    const auto& entry = ring_.entries()[i];
    bool known = entry.peer == config_.self || can_reach(entry.peer);
    for (auto range : ring_.ranges(i))
      report.entries.push_back({range.start, range.size(), entry.peer, nickname(entry.peer), known, entry.version});
  }
  for (const auto& one : pending_)
    if (one.kind == Kind::kClaim) report.pending_claims.emplace_back(one.ident, one.cidr);
  report.pending_allocates = waiting();
  if (awaiting_ && ring_.empty()) {
    report.election = Report::Election{false, 0, 0};
    if (paxos_) report.election = Report::Election{true, paxos_->table().size(), paxos_->quorum()};
  }

  if (report.election)
    report.status = paxos_ ? fmt::format("awaiting consensus (quorum: {}, known: {})", report.election->quorum,
                                         report.election->known)
                           : "priming";
  else if (ring_.empty())
    report.status = "idle";
  else if (std::ranges::none_of(report.entries, &Report::Share::known))
    report.status = "all IP ranges owned by unreachable peers - use 'rmpeer' if they are dead";
  else
    report.status = report.pending_allocates.empty() ? "ready" : "waiting for IP(s) to become available";

  if (!leaving_ && !ring_.empty())
    for (auto address : space_.stranded(kMaxStranded)) {
      auto owner = ring_.owner(address);
      auto ident = holder(address).value_or("");
      report.stranded.push_back({address, ident, owner, nickname(owner), denied_.contains(address)});
      report.problems.push_back(
          fmt::format("address {} is in use here by {}, but its range now belongs to peer {}: {}", address.str(),
                      printable(ident), shown(owner),
                      report.stranded.back().denied
                          ? "it was asked for and denied, so another container may have it; give this container another"
                          : "it will be asked for as soon as that peer can be reached"));
    }
  if (!leaving_ && left_)
    report.problems.push_back(
        "our ring of addresses was given up, and none of another peer has come yet: no addresses are given out; see "
        "that a peer of the other group is connected (`weave connect <peer>`)");
  for (const auto& [text, when] : troubles_)
    if (now_ - when <= kTroubleLasts) report.problems.push_back(with_advice(text));
  return report;
}

}  // namespace weave::ipam
