// The exchange with the other peers: states that are sent and received, the first division of the range, donations, and
// ranges that change their owner permanently.
#pragma once
#include "ipam/core.hpp"

namespace weave::ipam {

class Exchange {
 public:
  // `process_pending` tries the waiting requests after a change. `on_refused_address`: the owner refused one address.
  struct Hooks {
    std::function<void()> process_pending;
    std::function<void(Ipv4 address, PeerName owner)> on_refused_address;
  };
  Exchange(Core& core, Hooks hooks) : core_(core), hooks_(std::move(hooks)) {}

  // The operations of Allocator of the same names.
  std::optional<Bytes> state() const;
  Result<void> on_state(ByteView bytes, std::optional<PeerName> source);
  Result<void> on_unicast(PeerName from, ByteView message);
  void peer_gone(PeerName peer);
  void establish();
  Result<uint32_t> takeover(const std::string& name_or_nickname, bool force);
  std::optional<PeerName> leave(const std::function<bool(PeerName)>& can_reach);
  Result<void> rejoin(bool force);

  // The first division by these peers, without an election. Throws what `save` throws.
  void create_ring(const Seeds& seeds);
  // With each tick while a ring is awaited: proposes again.
  void elect();
  // Asks for stranded addresses; see SpaceRequests.
  size_t ask_for_stranded();

 private:
  void propose();
  void send_state(PeerName to);
  Result<void> take_state(const State& state, std::optional<PeerName> source);
  Result<void> take_ring(const WireRing& received);
  // Why the ring can't be merged; nothing when it can.
  std::optional<Troubles::ForeignRing> foreign(const Ring& theirs) const;
  void take_votes(const PaxosTable& table);
  void on_space_request(PeerName from, Ipv4Range range);
  void on_denial(PeerName from, Ipv4Range range);
  void hand_over();
  std::vector<PeerName> resolve(const std::string& name_or_nickname) const;
  std::vector<PeerName> sharers() const;

  Core& core_;
  Hooks hooks_;
  std::optional<PeerName> heir_;
};

}  // namespace weave::ipam
