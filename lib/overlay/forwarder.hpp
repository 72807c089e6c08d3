// What carries container frames over one connection by one overlay (sleeve, fast datapath, ...).
//
// A forwarder is prepared when the handshake is over, and is passive: it takes what comes, sends nothing. Confirmed,
// once the connection is accepted, it probes the path with heartbeats, and reports "established" when the peer has
// acknowledged one over TCP: then our packets reach the peer. All forwarders of a connection live as long as it does.
// Time is an argument; what a forwarder wants said over TCP, or the connection to know, it collects as events.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "address/ipv4.hpp"
#include "address/mac.hpp"
#include "base/bytes.hpp"
#include "base/secret.hpp"

namespace weave::overlay {

using Time = std::chrono::steady_clock::time_point;

struct UdpAddress {
  Ipv4 ip;
  uint16_t port = 0;

  auto operator<=>(const UdpAddress&) const = default;
  std::string str() const;
};

// The connection that a forwarder belongs to.
struct Link {
  PeerName self, remote;
  std::string remote_label;  // name(nickname), for log lines
  uint64_t conn_uid = 0;     // marks this connection's heartbeats; the same on both sides
  bool initiator = false;    // we opened the TCP connection
  Secret key;                // session key; empty: container frames go in clear
  // Ends of the TCP connection; nothing when they are IPv6. The port of `remote` means something to initiators only.
  std::optional<UdpAddress> local, remote_address;
};

// A message to the peer's forwarder of the same overlay, sent over TCP.
struct ControlMessage {
  uint8_t tag = 0;
  Bytes payload;

  bool operator==(const ControlMessage&) const = default;
};

struct ForwarderEvents {
  std::vector<ControlMessage> control;
  bool established = false;     // from now on; said once
  std::optional<bool> healthy;  // false: on hold from now on; true: of use again
  std::string failed;           // why it is of no use any more; empty: it is
};

class Forwarder {
 public:
  virtual ~Forwarder() = default;
  // The connection is accepted: heartbeats may be sent.
  virtual void confirm(Time now) = 0;
  // From the peer's forwarder. Whatever it doesn't understand it ignores.
  virtual void control(uint8_t tag, ByteView payload, Time now) = 0;
  // Does what is due, at or after next_tick() (Time::max(): nothing).
  virtual void tick(Time now) = 0;
  virtual Time next_tick() const = 0;
  virtual ForwarderEvents take_events() = 0;
  // What is wrong, or keeps it from being established, as far as it knows; empty: nothing.
  virtual std::string trouble() const { return {}; }
  // The peer's heartbeats should have come and didn't, though that isn't judged yet.
  virtual bool silent(Time) const { return false; }
  // The largest container packet without Ethernet header, in bytes; nothing when the overlay has no say.
  virtual std::optional<uint16_t> mtu() const = 0;
};

}  // namespace weave::overlay
