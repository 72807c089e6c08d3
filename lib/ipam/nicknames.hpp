// The nicknames of peers. Those of other peers are stored, so that a peer that is gone can still be named.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ipam/persisted.hpp"

namespace weave::ipam {

class Nicknames {
 public:
  using Map = std::map<PeerName, std::string>;

  Nicknames(PeerName self, std::string nickname, const Save& save);

  // Adds what was stored.
  void restore(const Map& stored);
  // Adds what another peer says, made printable and cut (kMaxNicknames, kMaxNickname). Throws what `save` throws.
  void add(const Map& received);
  // Removes the other peers that `which` selects. Throws what `save` throws.
  void forget(const std::function<bool(PeerName)>& which);

  const Map& all() const { return names_; }  // this peer's included
  std::string of(PeerName peer) const;       // empty when unknown
  std::vector<PeerName> peers_called(const std::string& nickname) const;
  // "02:00:00:00:00:01(host1)", or the name alone.
  std::string shown(PeerName peer) const;
  // The same of several, with spaces between them; 64 at most, then "...".
  std::string listed(const std::vector<PeerName>& peers) const;

 private:
  void save();

  PeerName self_;
  const Save& save_;
  Map names_, stored_;
};

}  // namespace weave::ipam
