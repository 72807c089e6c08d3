#include "ipam/nicknames.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "ipam/wire.hpp"

namespace weave::ipam {

Nicknames::Nicknames(PeerName self, std::string nickname, const Save& save) : self_(self), save_(save) {
  names_[self] = std::move(nickname);
}

void Nicknames::restore(const Map& stored) {
  stored_ = stored;
  for (const auto& [peer, nickname] : stored) names_.try_emplace(peer, nickname);
}

void Nicknames::add(const Map& received) {
  for (const auto& [peer, text] : received) {
    if (peer == self_ || (names_.size() >= kMaxNicknames && !names_.contains(peer))) continue;
    names_[peer] = printable(text.substr(0, kMaxNickname));
  }
  save();
}

void Nicknames::forget(const std::function<bool(PeerName)>& which) {
  std::erase_if(names_, [&](const auto& known) { return known.first != self_ && which(known.first); });
  save();
}

void Nicknames::save() {
  std::vector<Change> list;
  for (const auto& [peer, text] : names_) {
    if (peer == self_) continue;
    auto stored = stored_.find(peer);
    if (stored == stored_.end() || stored->second != text) list.push_back(nickname_change(peer, text));
  }
  for (const auto& [peer, text] : stored_)
    if (!names_.contains(peer)) list.push_back(nickname_change(peer, {}));
  if (list.empty()) return;
  save_(list);
  stored_ = names_;
  stored_.erase(self_);
}

std::string Nicknames::of(PeerName peer) const {
  auto known = names_.find(peer);
  return known == names_.end() ? std::string() : known->second;
}

std::vector<PeerName> Nicknames::peers_called(const std::string& nickname) const {
  std::vector<PeerName> list;
  for (const auto& [peer, name] : names_)
    if (name == nickname) list.push_back(peer);
  return list;
}

std::string Nicknames::shown(PeerName peer) const {
  auto nickname = of(peer);
  return nickname.empty() ? peer.str() : fmt::format("{}({})", peer.str(), nickname);
}

std::string Nicknames::listed(const std::vector<PeerName>& peers) const {
  constexpr size_t most = 64;
  std::string text;
  for (size_t i = 0; i < std::min(peers.size(), most); ++i) text += (i ? " " : "") + shown(peers[i]);
  return peers.size() > most ? text + " ..." : text;
}

}  // namespace weave::ipam
