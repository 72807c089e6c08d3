// What doesn't fit between our ring and the others', and mending it.
#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "ipam/work.hpp"

namespace weave::ipam {
namespace {

constexpr auto kTroubleLasts = std::chrono::seconds(120);
// A connection that was refused is tried again less and less often, with ten minutes and more in between.
constexpr auto kUnmergeableLasts = std::chrono::minutes(20);
constexpr size_t kMaxUnmergeable = 64;
constexpr size_t kMaxStranded = 1024;  // findings
constexpr size_t kMaxRanges = 8;       // of an owner, in a finding

}  // namespace

void Allocator::note_unmergeable(PeerName peer, Unmergeable::Why why, std::string text) {
  if (unmergeable_.size() >= kMaxUnmergeable && !unmergeable_.contains(peer))
    unmergeable_.erase(std::ranges::min_element(unmergeable_, {}, [](const auto& one) { return one.second.when; }));
  unmergeable_[peer] = {why, std::move(text), now_};
}

// What was said about it is over, too.
void Allocator::forget_unmergeable(PeerName peer) {
  auto known = unmergeable_.find(peer);
  if (known == unmergeable_.end()) return;
  troubles_.erase(known->second.text);
  unmergeable_.erase(known);
}

bool Allocator::recent(const Unmergeable& one) const {
  return now_ - one.when <= kUnmergeableLasts;
}

// Other peers with our ring that can be reached. Whoever is connected and owns nothing has it all the same.
std::vector<PeerName> Allocator::sharers() const {
  std::set<PeerName> known;
  for (auto peer : ring_.owners()) known.insert(peer);
  for (const auto& [peer, nick] : nicknames_) known.insert(peer);
  std::vector<PeerName> list;
  for (auto peer : known) {
    auto other = unmergeable_.find(peer);
    bool apart = other != unmergeable_.end() && recent(other->second);
    if (peer != config_.self && !apart && reachable(peer)) list.push_back(peer);
  }
  return list;
}

std::vector<Finding> Allocator::diff() const {
  using Why = Unmergeable::Why;
  std::vector<Finding> list;
  if (leaving_) return list;
  for (const auto& [peer, one] : unmergeable_) {
    if (!recent(one)) continue;
    list.push_back({fmt::format("peer {} can't be merged with: {}", shown(peer), one.text),
                    one.why == Why::kSeeds
                        ? "run `weave ipam repair --rejoin` on the peers of the smaller group, not on the others"
                    : one.why == Why::kLeft ? "run `weave ipam repair --rejoin --force` there, too"
                                            : "launch both with the same --ipalloc-range"});
  }
  if (left_)
    list.push_back({fmt::format("our ring, seeded by [{}], was given up, and no other has come yet", listed(*left_)),
                    "run `weave connect` with a peer that has one"});
  if (!ring_.empty()) {
    for (auto address : space_.stranded(kMaxStranded)) {
      auto owner = ring_.owner(address);
      bool denied = denied_.contains(address);
      list.push_back({fmt::format("address {}, in use here by {}, belongs to peer {}{}", address.str(),
                                  printable(holder(address).value_or("")), shown(owner),
                                  denied ? ", which was asked for it and denied it" : ""),
                      denied ? "another container may have it; give this one another address (`weave detach`, "
                               "`weave attach`)"
                      : reachable(owner) ? "run `weave ipam repair` to ask for it now"
                                         : "it is asked for when that peer can be reached"});
    }
    for (auto peer : ring_.owners()) {
      if (peer == config_.self || reachable(peer)) continue;
      std::vector<std::string> texts;
      auto ranges = ring_.owned(peer);
      uint64_t size = 0;
      for (auto range : ranges) {
        size += range.size();
        if (texts.size() < kMaxRanges) texts.push_back(range_text(range));
      }
      if (ranges.size() > kMaxRanges) texts.push_back("...");
      list.push_back(
          {fmt::format("{} addresses ({}) belong to peer {}, which can't be reached", size, fmt::join(texts, ", "),
                       shown(peer)),
           fmt::format("start it again; if it never comes back, run `weave rmpeer {}` on one peer only", peer.str())});
    }
  }
  for (const auto& [text, when] : troubles_) {
    bool told = std::ranges::any_of(unmergeable_, [&](const auto& one) { return one.second.text == text; });
    if (!told && now_ - when <= kTroubleLasts) list.push_back({text, "see `weave logs`"});
  }
  return list;
}

AskedBack Allocator::repair() {
  AskedBack out;
  out.waiting = left_.has_value();
  if (leaving_ || ring_.empty()) return out;
  denied_.clear();
  std::erase_if(asked_, [](const Asked& one) { return one.range.size() == 1; });
  out.stranded = space_.stranded(SIZE_MAX).size();
  out.asked = ask_back();
  return out;
}

Result<void> Allocator::rejoin(bool force) {
  if (leaving_) return Refused("this peer is leaving");
  if (left_) return Refused("our ring was given up already: that of another peer is awaited");
  if (ring_.empty()) return Refused("there is no ring here that could be given up: any peer's will be taken");
  if (std::ranges::none_of(unmergeable_, [&](const auto& one) {
        return one.second.why == Unmergeable::Why::kSeeds && recent(one.second);
      }))
    return Refused(
        "no peer with another ring has been heard: connect to one first (`weave connect <peer>`), until `weave ipam "
        "diff` tells of it");
  if (auto others = sharers(); !force && !others.empty())
    return Refused(fmt::format(
        "peers that share our ring can be reached: {}; they will be cut off until they rejoin as well: run it with "
        "--force on each of them, if this is the smaller group",
        listed(others)));
  Work work(*this);
  left_ = ring_.seeds();
  ring_ = Ring(ring_.range(), config_.self);
  work.ring_changed();
  work.commit();
  log::warning("[allocator] our ring is given up, and another one awaited: seeds=[{}] addresses in use={}",
               listed(*left_), holders_.size());
  paxos_.reset();
  asked_.clear();
  denied_.clear();
  while (!unmergeable_.empty()) forget_unmergeable(unmergeable_.begin()->first);
  awaiting_ = true;
  broadcast();
  settle();
  return {};
}

}  // namespace weave::ipam
