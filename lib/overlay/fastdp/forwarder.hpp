// The fast datapath of one connection, without sockets: its heartbeats and its health.
//
//     confirmed ── heartbeat every 500 ms ──▶ acknowledged: established ── heartbeat every 10 s (1 s: heartbeat.hpp)
//                  60 s (6 s) without the peer's: on hold, until one arrives
//
// Container frames pass through the kernel and aren't seen here. Each direction is judged by itself: the peer's
// acknowledgement proves that our packets arrive, the peer's heartbeats only keep the connection off hold. Between
// peers of this implementation, a receiver that misses heartbeats reports it, and the sender goes on hold as well.
//
// UDP goes to one port in both directions: the port behind the one dialled, which is the accepting side's.
//
// A connection with a session key has an ESP association a direction. The receiver chooses its parameters (ipsec.hpp):
//
//     confirmed: choose, install, tell the peer (tag 1) ──▶ the peer installs, and sends by it from now on
//     told by the peer: install                         ──▶ now we send, the first heartbeat at once
//
// A peer that hasn't been told sends nothing: a peer without ESP never tells, and the connection stays with sleeve.
// After very many packets the receiver chooses anew and tells again; Weave Net takes that as it takes the first time.
//
// Source: Weave Net 2.8.1, router/fastdp.go.
#pragma once
#include <functional>

#include "overlay/fastdp/ipsec.hpp"
#include "overlay/fastdp/packet.hpp"
#include "overlay/forwarder.hpp"
#include "overlay/heartbeat.hpp"

namespace weave::overlay {

// Where the kernel sends the frames of a connection.
struct FastHop {
  Ipv4 local, remote;
  uint16_t port = 0;  // of VXLAN, at both ends
  // The way there, if the programs may push the outer headers themselves: the interface, and the gateway on it (0: the
  // remote address is on link). Interface 0: the VXLAN device finds it.
  int underlay = 0;
  Ipv4 gateway{};
  // The mark by which packets are known that must leave as ESP; 0: they go in clear.
  uint32_t mark = 0;

  auto operator<=>(const FastHop&) const = default;
};

// A frame from the tunnel that is the router's own, as the kernel's program reports it.
struct ReceivedHeartbeat {
  uint32_t vni = 0;
  Ipv4 remote, local;  // outer addresses; local 0: not known
  size_t size = 0;     // of the frame
  Bytes head;          // its first bytes
  bool encrypted = false;
};

// What a forwarder asks of the kernel's IPsec. Operations throw Error with the reason.
class Esp {
 public:
  virtual ~Esp() = default;
  // New parameters for what comes from the hop's remote address.
  virtual EspParameters choose(const FastHop& hop) = 0;
  // Accepts packets with these parameters, and refuses packets in clear. `key`: as derive_esp_key() gives it.
  virtual void receive_by(const FastHop& hop, uint32_t spi, const Secret& key) = 0;
  // Everything to the hop leaves by this from now on.
  virtual void send_by(const FastHop& hop, uint32_t spi, const Secret& key) = 0;
  // What has become of them, for other programs change the kernel's tables, too: puts policies back that are missing.
  struct Found {
    bool receiving = false, sending = false;  // still there
    uint64_t received = 0;                    // packets
  };
  virtual Found look(const FastHop& hop, uint32_t receiving, uint32_t sending) = 0;
  // The forwarder has no more use for these (0: none): they end after a while, if nothing else needs them.
  virtual void release(const FastHop& hop, uint32_t receiving, uint32_t sending) noexcept = 0;
};

// The router's side of the fast datapath, shared by all connections.
struct FastPort {
  uint16_t port = 6784;  // our own VXLAN port: that of the router and one
  uint16_t mtu = 1410;   // of the containers' interfaces
  // Sends a UDP payload from the hop's local address in one piece; the reason when that fails.
  std::function<std::string(const FastHop& hop, ByteView payload)> send;
  // Of a peer or ourself, as the topology has it; nothing while it isn't known.
  std::function<std::optional<uint16_t>(PeerName)> short_id;
  // For connections with a session key, or why they can't be carried.
  Esp* esp = nullptr;
  std::string no_esp;
  uint64_t rekey_after = uint64_t{1} << 32;  // packets
};

// The hop that a connection will use; refuses what the fast datapath can't carry.
Result<FastHop> fast_hop(const Link& link, const FastPort& port);

class FastForwarder : public Forwarder {
 public:
  // `port` must outlive this.
  FastForwarder(Link link, FastHop hop, const FastPort& port);
  ~FastForwarder() override;
  FastForwarder(const FastForwarder&) = delete;
  FastForwarder& operator=(const FastForwarder&) = delete;

  // A heartbeat with our connection's number came in.
  void receive(const ReceivedHeartbeat& heartbeat, Time now);

  void confirm(Time now) override;
  void control(uint8_t tag, ByteView payload, Time now) override;
  void tick(Time now) override;
  Time next_tick() const override { return heartbeats_.next_tick(); }
  ForwarderEvents take_events() override { return std::exchange(events_, {}); }
  std::optional<uint16_t> mtu() const override { return port_.mtu; }

  const Link& link() const { return link_; }
  const FastHop& hop() const { return hop_; }
  bool confirmed() const { return confirmed_; }
  // Packets may leave: in clear, or because the peer has told how to encrypt them.
  bool may_send() const { return confirmed_ && (!encrypted() || sending_); }
  // The peer's acknowledgement isn't in yet, and may still come: the confirmation is a few seconds old.
  bool on_probation(Time now) const { return confirmed_ && !established_ && now < probation_until_; }
  // The MTU that the peer's heartbeats show; nothing before the first.
  std::optional<uint16_t> remote_mtu() const { return remote_mtu_; }
  std::string trouble() const override;
  bool silent(Time now) const override { return heartbeats_.silent(now); }

 private:
  bool encrypted() const { return !link_.key.empty(); }
  void send_heartbeat(Time now);
  void choose_receiving();
  void take_sending(const EspParameters& parameters);
  void look_after_associations();

  Link link_;
  FastHop hop_;
  const FastPort& port_;
  ForwarderEvents events_;
  bool confirmed_ = false, established_ = false;
  std::optional<uint16_t> remote_mtu_;
  std::string unsent_;                    // why the last heartbeat didn't leave
  uint32_t receiving_ = 0, sending_ = 0;  // SPIs; 0: none yet
  std::optional<EspParameters> told_;     // by the peer, ahead of our confirmation
  Heartbeats heartbeats_{events_};
  Time look_at_ = Time::min();  // at the associations, not before
  Time probation_until_ = Time::min();
  Time move_at_ = Time::min();  // not before
};

}  // namespace weave::overlay
