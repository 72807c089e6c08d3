#include "mesh/peers.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace weave::mesh {

Peers::Peers(Peer self, Random random) : self_(self.name), random_(std::move(random)) {
  auto id = std::exchange(self.short_id, {});
  auto& own_entry = table_[self_] = std::move(self);
  if (id) set_short_id(own_entry, id);
  changes_ = {};
}

const Peer* Peers::find(PeerName name) const {
  auto at = table_.find(name);
  return at == table_.end() ? nullptr : &at->second;
}

void Peers::bump() {
  ++own().version;
  changes_.self = true;
  ++revision_;
}

void Peers::set_short_id(Peer& peer, std::optional<ShortId> id) {
  if (peer.short_id == id) return;
  if (peer.short_id) changes_.short_ids |= short_ids_.remove(*peer.short_id, peer.name);
  peer.short_id = id;
  if (id) changes_.short_ids |= short_ids_.add(*id, peer.name);
  ++revision_;
}

// Somebody with a lower name has our short id: the fast datapath would take our frames for theirs.
void Peers::rename_self() {
  auto& us = own();
  if (!us.short_id || short_ids_.owner(*us.short_id) == self_) return;
  auto id = short_ids_.choose(random_);
  if (!id) return;  // all taken; the next collection may free one
  set_short_id(us, id);
  bump();
}

bool Peers::enter(Peer peer) {
  if (table_.size() >= kMaxPeers) return false;
  if (peer.nickname.size() > kMaxNickname) peer.nickname.resize(kMaxNickname);
  auto id = std::exchange(peer.short_id, {});
  if (id > kMaxShortId) id.reset();
  auto name = peer.name;
  auto& entry = table_[name] = std::move(peer);
  set_short_id(entry, id);
  changes_.graph = true;
  ++revision_;
  return true;
}

bool Peers::introduce(const Peer& peer) {
  if (table_.contains(peer.name)) return true;
  Peer fresh = peer;
  fresh.version = 0;
  fresh.links.clear();
  bool entered = enter(std::move(fresh));
  rename_self();
  return entered;
}

void Peers::set_links(Peer& peer, std::vector<Link> links) {
  link_count_ -= peer.links.size();
  if (link_count_ + links.size() > kMaxLinks) links.clear();
  for (auto& link : links)
    if (link.address.size() > kMaxAddress) link.address.clear();
  link_count_ += links.size();
  peer.links = std::move(links);
  changes_.graph = true;
  ++revision_;
}

void Peers::set_link(Link link) {
  auto& links = own().links;
  auto at = std::lower_bound(links.begin(), links.end(), link.to, [](const Link& l, PeerName n) { return l.to < n; });
  if (at != links.end() && at->to == link.to) {
    if (*at == link) return;
    *at = std::move(link);
  } else {
    links.insert(at, std::move(link));
    ++link_count_;
  }
  changes_.graph = true;
  bump();
}

void Peers::remove_link(PeerName to) {
  auto& links = own().links;
  size_t removed = std::erase_if(links, [&](const Link& link) { return link.to == to; });
  if (!removed) return;
  link_count_ -= removed;
  changes_.graph = true;
  bump();
}

Peers::Merged Peers::merge(std::vector<Peer> update) {
  Merged merged;
  // First every name gets an entry, so that links never point nowhere.
  std::map<PeerName, size_t> fresh;
  for (size_t i = 0; i < update.size(); ++i) {
    merged.received.insert(update[i].name);
    if (!table_.contains(update[i].name)) fresh[update[i].name] = i;
  }
  for (const auto& [name, index] : fresh) {
    Peer peer = update[index];
    peer.links.clear();
    enter(std::move(peer));
  }
  for (const auto& peer : update)
    for (const auto& link : peer.links)
      if (!table_.contains(link.to)) enter({link.to, {}, 0, 0, {}, {}});

  for (size_t i = 0; i < update.size(); ++i) {
    auto& theirs = update[i];
    if (theirs.name == self_) {
      auto& us = own();
      if (theirs.uid == us.uid || theirs.version < us.version) continue;
      // Somebody remembers us from before our restart; only a higher version gets past that. The highest of all can't
      // be passed, and nobody gets there by counting.
      if (theirs.version == UINT64_MAX) {
        log::warning("gossip about this peer itself is ignored: version={}", theirs.version);
        continue;
      }
      us.version = theirs.version;
      bump();
      continue;
    }
    auto at = table_.find(theirs.name);
    if (at == table_.end()) continue;  // no room
    auto& known = at->second;
    if (auto entered = fresh.find(theirs.name); entered != fresh.end() && entered->second == i) {
      set_links(known, std::move(theirs.links));
      merged.changed.insert(known.name);
      continue;
    }
    if (theirs.short_id > kMaxShortId) theirs.short_id.reset();
    if (theirs.version < known.version) continue;
    if (theirs.version == known.version) {
      if (theirs.uid < known.uid) continue;
      if (theirs.uid == known.uid && (!theirs.short_id || known.short_id)) continue;
    }
    known.version = theirs.version;
    known.uid = theirs.uid;
    if (theirs.nickname.size() > kMaxNickname) theirs.nickname.resize(kMaxNickname);
    known.nickname = std::move(theirs.nickname);
    set_short_id(known, theirs.short_id);
    set_links(known, std::move(theirs.links));
    merged.changed.insert(known.name);
  }
  rename_self();
  return merged;
}

void Peers::collect() {
  std::set<PeerName> reached{self_};
  std::vector<PeerName> open{self_};
  while (!open.empty()) {
    auto at = table_.find(open.back());
    open.pop_back();
    if (at == table_.end()) continue;
    for (const auto& link : at->second.links)
      if (reached.insert(link.to).second) open.push_back(link.to);
  }
  size_t before = changes_.gone.size();
  for (auto at = table_.begin(); at != table_.end();) {
    if (reached.contains(at->first)) {
      ++at;
      continue;
    }
    set_short_id(at->second, {});
    link_count_ -= at->second.links.size();
    changes_.gone.push_back(std::move(at->second));
    at = table_.erase(at);
  }
  if (changes_.gone.size() == before) return;
  changes_.graph = true;
  ++revision_;
  rename_self();
}

}  // namespace weave::mesh
