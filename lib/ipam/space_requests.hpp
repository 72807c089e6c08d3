// Requests to other peers for their addresses: one at a time for a range and a donor. The donor replies with a new
// ring, or refuses.
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <vector>

#include "ipam/ledger.hpp"
#include "ipam/wire.hpp"

namespace weave::ipam {

class SpaceRequests {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Send = std::function<Result<void>(PeerName to, Tag tag, ByteView content)>;
  // A single address that was refused is asked for again after this time.
  static constexpr auto kDenialLasts = std::chrono::seconds(60);

  // `random` as in Config.
  SpaceRequests(const Ledger& ledger, Send send, std::function<uint64_t()> random);

  // Asks a peer that has free addresses in the subnet for some; which one is chance, weighted by how many it has.
  void ask_for_space(Cidr subnet);
  // Asks the owner for one address. Refused when there is no route to the owner.
  Result<void> ask_for_address(Ipv4 address);
  // Asks for the stranded addresses (in use here, of another peer by the ring) whose owners can be reached; a limited
  // number at a time. Returns how many are asked for.
  size_t ask_for_stranded(Time now, const std::function<bool(PeerName)>& reachable);

  // The peer has replied with its ring: unless it refused, it may be asked again.
  void on_ring(PeerName from);
  // The peer has refused. False when it wasn't asked for that.
  bool on_denial(PeerName from, Ipv4Range range, Time now);
  bool was_denied(Ipv4 address) const { return denied_.contains(address); }

  // Every request may be sent again.
  void next_round() { sent_.clear(); }
  // Those for single addresses, refused ones included, may be sent again.
  void retry_addresses();
  void forget(PeerName peer);
  void clear();

 private:
  struct SpaceRequest {
    PeerName donor;
    Ipv4Range range;
    bool denied = false;
  };
  SpaceRequest* find(PeerName donor, Ipv4Range range);

  const Ledger& ledger_;
  Send send_;
  std::function<uint64_t()> random_;
  std::vector<SpaceRequest> sent_;  // since the last round
  std::map<Ipv4, Time> denied_;     // addresses in use here whose owners refused them
};

}  // namespace weave::ipam
