// The kernel's IPsec for the encrypted hops of the fast datapath (internal to the library).
//
// For every tunnel, which is two addresses and a VXLAN port, there are two policies: what is marked must leave by the
// newest association that the peer has told of; what comes must have come by one of ours. Under them lies a barrier:
// marked UDP that no other policy takes is dropped. So there is no moment at which it could leave in clear.
//
// All of that outlives this object, the barrier for ever: frames between containers go on without a router. The next
// router takes over what it finds, and ends what nobody has claimed after `linger`; by then the peers have agreed anew.
#pragma once
#include <map>

#include "host/xfrm.hpp"
#include "overlay/fastdp/forwarder.hpp"

namespace weave::overlay {

class FastEsp : public Esp {
 public:
  // Longer than FastTable::linger: frames stop before their associations do.
  static constexpr std::chrono::seconds kLinger{60};

  // Puts up the barrier, and removes what Weave Net has left. Throws Error that names what the kernel lacks or refuses.
  FastEsp();

  EspParameters choose(const FastHop& hop) override;
  void receive_by(const FastHop& hop, uint32_t spi, const Secret& key) override;
  void send_by(const FastHop& hop, uint32_t spi, const Secret& key) override;
  Found look(const FastHop& hop, uint32_t receiving, uint32_t sending) override;
  void release(const FastHop& hop, uint32_t receiving, uint32_t sending) noexcept override;

  // What is sent to the hop can be encrypted now, be it by what an earlier router or connection left.
  bool sends(const FastHop& hop) const;
  // The hop's packets go in clear from now on: what an earlier connection left for it ends.
  void forget(const FastHop& hop);
  // Ends what has lingered long enough.
  void tick(Time now);

  // Removes everything of ours, and what Weave Net has left: the barrier last, so that the packets that need the others
  // meet it. Nothing to do on a kernel without IPsec. Throws Error.
  static void remove();

 private:
  struct Tunnel {
    Ipv4 local, remote;
    uint16_t port = 0;

    auto operator<=>(const Tunnel&) const = default;
  };
  struct State {
    uint32_t receiving = 0, sending = 0;  // the newest; 0: none, or not known
    Time until = Time::max();             // lingers till then; max: in use
  };
  static Tunnel tunnel_of(const FastHop& hop) { return {hop.local, hop.remote, hop.port}; }
  void adopt(Time now);
  void end(const Tunnel& tunnel, const State& state);

  host::Xfrm xfrm_;
  std::map<Tunnel, State> tunnels_;
  std::map<std::pair<Ipv4, uint32_t>, Time> associations_;  // by destination and SPI; as State::until
};

}  // namespace weave::overlay
