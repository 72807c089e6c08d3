// Sleeve: container frames in UDP packets from one user-space program to another.
//
// This is the life of a connection's sleeve, without sockets: heartbeats, the tests of the path, and the answers to the
// peer's. The router's own frames, told from containers' by both MACs and the type being zero, travel in the same
// packets:
//
//     22 bytes       heartbeat: the connection's number, 8 bytes, behind the 14 zeros
//     60001 bytes    do fragments of the underlay get through? Answered over TCP by "fragmentation test received"
//     anything else  does this size get through in one piece? Answered by "PMTU verified" with length - 14
//
//     over TCP:      1 your heartbeat arrived | 2 your fragmentation test arrived | 3 your test arrived, MTU (2)
//
// Heartbeats are sent as heartbeat.hpp says, with its messages. Who accepted the TCP connection learns the peer's UDP
// address from its first heartbeat. 60 s without heartbeats end sleeve on this connection.
//
// Container frames are carried by the data path on its own threads (SleeveDatapath). It opens the packets that come,
// and hands over the router's own frames; what it needs for sending is in path().
//
// Source: Weave Net 2.8.1, router/sleeve.go.
#pragma once
#include <functional>

#include "overlay/forwarder.hpp"
#include "overlay/heartbeat.hpp"
#include "overlay/sleeve/mtu_search.hpp"
#include "overlay/sleeve/packet.hpp"
#include "overlay/sleeve/tables.hpp"

namespace weave::overlay {

// The router's side of sleeve, shared by all connections.
struct SleevePort {
  struct Sent {
    bool ok = true;
    int path_mtu = 0;    // the packet was too big for the route, whose MTU this is; 0 when that isn't the trouble
    std::string reason;  // otherwise
  };
  // Sends a UDP payload from the router's port at once, and from the address of the host that is named (0: any).
  // `df`: in one piece or not at all.
  std::function<Sent(const UdpAddress& to, Ipv4 from, ByteView payload, bool df)> send;
};

class Sleeve : public Forwarder {
 public:
  // `port` must outlive this.
  Sleeve(Link link, const SleevePort& port);

  // Whether a frame is the router's own.
  static bool is_special(ByteView frame);
  // Such a frame, from a packet of the peer's. Ignored unless it is the peer's for us.
  void receive(const SleeveRecord& record, const UdpAddress& from, Time now);
  // The kernel has refused a container's packet; `path_mtu` is that of its route, in bytes.
  void too_big(int path_mtu, Time now);

  void confirm(Time now) override;
  void control(uint8_t tag, ByteView payload, Time now) override;
  void tick(Time now) override;
  Time next_tick() const override;
  ForwarderEvents take_events() override { return std::exchange(events_, {}); }
  std::string trouble() const override;
  bool silent(Time now) const override { return heartbeats_.silent(now); }
  std::optional<uint16_t> mtu() const override { return search_.mtu(); }

  // What container frames are sent by.
  SleevePath path() const;

 private:
  void receive_heartbeat(ByteView conn_uid, const UdpAddress& from, Time now);
  void send_heartbeat(Time now);
  void send_special(size_t frame_size, bool df, Time now, ByteView content = {});
  void send_mtu_tests(Time now);
  void start_tests(Time now);
  void log_mtu(bool was_searching) const;
  void answer(uint8_t tag, Bytes payload = {}) { events_.control.push_back({tag, std::move(payload)}); }

  Link link_;
  const SleevePort& port_;
  std::shared_ptr<SleeveTunnel> tunnel_;
  std::optional<UdpAddress> remote_;
  MtuSearch search_;
  ForwarderEvents events_;
  bool confirmed_ = false, established_ = false, failed_ = false;
  bool fragments_pass_ = false;
  std::string send_trouble_;
  Heartbeats heartbeats_{events_};
  Time fragment_test_at_ = Time::max(), fragment_answer_until_ = Time::max();
  Time tested_at_ = Time::min();
};

}  // namespace weave::overlay
