#include "overlay/fastdp/forwarder.hpp"

#include "base/log.hpp"
#include "overlay/fastdp/bpf/fastdp.h"

namespace weave::overlay {

namespace {

using namespace std::chrono_literals;

// Who sees a heartbeat can send it on from addresses that don't matter; each costs entries of the maps.
constexpr auto kMoveInterval = 2s;
constexpr auto kLookInterval = 10s;
constexpr auto kProbation = 5s;  // several fast heartbeats
// Around a container's packet, in bytes.
constexpr int kVxlanOverhead = 20 + 8 + 8 + 14, kEspOverhead = 37;

enum Tag : uint8_t { kHeartbeatAck = 0, kIpsecParameters = 1 };  // and those of heartbeat.hpp

}  // namespace

Result<FastHop> fast_hop(const Link& link, const FastPort& port) {
  if (!link.local || !link.remote_address) return Refused("fastdp needs an IPv4 connection");
  FastHop hop{.local = link.local->ip, .remote = link.remote_address->ip, .port = port.port};
  if (!link.key.empty()) {
    if (!port.esp) return Refused(fmt::format("it can't encrypt: {}", port.no_esp));
    hop.mark = FASTDP_MARK;
  }
  if (link.initiator) {
    if (link.remote_address->port == 0 || link.remote_address->port == UINT16_MAX)
      return Refused(fmt::format("no VXLAN port belongs to port {}", link.remote_address->port));
    hop.port = static_cast<uint16_t>(link.remote_address->port + 1);
  }
  return hop;
}

FastForwarder::FastForwarder(Link link, FastHop hop, const FastPort& port)
    : link_(std::move(link)), hop_(hop), port_(port) {}

FastForwarder::~FastForwarder() {
  if (receiving_ || sending_) port_.esp->release(hop_, receiving_, sending_);
}

void FastForwarder::confirm(Time now) {
  if (confirmed_) return;
  confirmed_ = true;
  heartbeats_.confirm(now);
  probation_until_ = now + kProbation;
  try {
    if (encrypted()) choose_receiving();
    if (told_) take_sending(*told_);
  } catch (const Error& error) {
    events_.failed = error.what();
    return;
  }
  if (may_send()) send_heartbeat(now);
}

// From now on the peer is to send with new parameters.
void FastForwarder::choose_receiving() {
  auto parameters = port_.esp->choose(hop_);
  try {
    port_.esp->receive_by(hop_, parameters.spi, derive_esp_key(link_.key, parameters, link_.self));
  } catch (const Error&) {
    port_.esp->release(hop_, parameters.spi, 0);
    throw;
  }
  if (receiving_) port_.esp->release(hop_, receiving_, 0);
  receiving_ = parameters.spi;
  events_.control.push_back({kIpsecParameters, encode_esp_parameters(parameters)});
}

void FastForwarder::take_sending(const EspParameters& parameters) {
  if (parameters.spi == sending_) return;
  port_.esp->send_by(hop_, parameters.spi, derive_esp_key(link_.key, parameters, link_.remote));
  if (sending_) port_.esp->release(hop_, 0, sending_);
  sending_ = parameters.spi;
}

void FastForwarder::receive(const ReceivedHeartbeat& heartbeat, Time now) {
  if (!confirmed_) return;
  auto conn_uid = decode_heartbeat(heartbeat.head, heartbeat.size);
  if (!conn_uid || *conn_uid != link_.conn_uid) return;
  // The number may have been seen by others; the id must be the peer's, too.
  if (port_.short_id(link_.remote) != vni_source(heartbeat.vni)) return;
  // The associations belong to the addresses that they were made for.
  if (encrypted() && (!heartbeat.encrypted || heartbeat.remote != hop_.remote)) return;

  if (heartbeat.remote != hop_.remote) {
    if (now < move_at_) return;
    move_at_ = now + kMoveInterval;
    log::info("the peer's UDP address changed: overlay=fastdp peer={} from={} to={}", link_.remote_label,
              hop_.remote.str(), heartbeat.remote.str());
    hop_.remote = heartbeat.remote;
  }
  auto theirs = static_cast<uint16_t>(heartbeat.size - 14);
  if (theirs != port_.mtu && remote_mtu_ != theirs)
    log::warning("the peer's containers have another MTU, set WEAVE_MTU alike on all hosts: peer={} theirs={} ours={}",
                 link_.remote_label, theirs, port_.mtu);
  remote_mtu_ = theirs;
  if (!heartbeats_.heard(now)) return;
  events_.control.push_back({kHeartbeatAck, {}});
  heartbeats_.announce();
}

void FastForwarder::control(uint8_t tag, ByteView payload, Time now) {
  if (tag == kHeartbeatAck) {
    if (!may_send() || std::exchange(established_, true)) return;
    events_.established = true;
    heartbeats_.acknowledged(now);
  } else if (tag == kIpsecParameters && encrypted()) {
    auto parameters = decode_esp_parameters(payload);
    if (!parameters)
      return log::warning("malformed message: overlay=fastdp peer={} type=ipsec reason={}", link_.remote_label,
                          parameters.error());
    told_ = *parameters;
    if (!confirmed_) return;
    bool first = !sending_;
    try {
      take_sending(*parameters);
    } catch (const Error& error) {
      events_.failed = error.what();
      return;
    }
    if (first) send_heartbeat(now);
  } else if (!confirmed_ || !heartbeats_.control(tag, now)) {
    log::debug("unknown message: overlay=fastdp peer={} tag={}", link_.remote_label, tag);
  }
}

void FastForwarder::tick(Time now) {
  heartbeats_.tick(now);
  if (heartbeats_.due(now)) {
    if (encrypted() && now >= look_at_) {
      look_at_ = now + kLookInterval;
      look_after_associations();
    }
    if (events_.failed.empty()) send_heartbeat(now);
  }
}

// What comes by the old parameters is taken until the peer knows the new ones. Those of what we send only the peer
// could renew, and nothing asks it to.
void FastForwarder::look_after_associations() {
  try {
    auto found = port_.esp->look(hop_, receiving_, sending_);
    if (!found.sending) {
      events_.failed = "somebody has removed the ESP association to the peer";
    } else if (!found.receiving || found.received >= port_.rekey_after) {
      choose_receiving();
      log::info("new key for packets from the peer: overlay=fastdp peer={}", link_.remote_label);
    }
  } catch (const Error& error) {
    log::warning("cannot check the ESP associations: overlay=fastdp peer={} reason={}", link_.remote_label,
                 error.what());
  }
}

void FastForwarder::send_heartbeat(Time now) {
  heartbeats_.sent(now, !established_ && heartbeats_.hears());
  auto self = port_.short_id(link_.self), remote = port_.short_id(link_.remote);
  if (!self || !remote) {  // usual right after the connection; the topology brings it
    unsent_ = "a short id isn't known";
    return;
  }
  auto trouble = port_.send(hop_, encode_heartbeat(make_vni(*self, *remote), link_.conn_uid, port_.mtu));
  if (!trouble.empty() && trouble != unsent_)
    log::warning("cannot send heartbeats: overlay=fastdp peer={} address={}:{} reason={}", link_.remote_label,
                 hop_.remote.str(), hop_.port, trouble);
  heartbeats_.leaves(trouble.empty());
  unsent_ = std::move(trouble);
}

std::string FastForwarder::trouble() const {
  if (!unsent_.empty()) return unsent_;
  if (confirmed_ && !may_send()) return "the peer hasn't told how to encrypt: has its kernel ESP, as ours?";
  auto path = fmt::format("is UDP port {} open on the way, and does it carry packets of {} bytes in one piece?",
                          hop_.port, port_.mtu + kVxlanOverhead + (link_.key.empty() ? 0 : kEspOverhead));
  if (!heartbeats_.hears()) return fmt::format("no heartbeats of the peer arrive: {}", path);
  if (!heartbeats_.reaches()) return fmt::format("the peer gets none of our heartbeats: {}", path);
  if (established_ && !heartbeats_.heard_any())
    return fmt::format("no heartbeats of the peer arrive: is UDP port {} open on this host?", hop_.port);
  auto other_mtu = [&]() -> std::string {
    if (!remote_mtu_ || *remote_mtu_ == port_.mtu) return {};
    return fmt::format("the peer's containers have an MTU of {}, ours {}: launch with the same WEAVE_MTU on all hosts",
                       *remote_mtu_, port_.mtu);
  };
  if (confirmed_ && !established_) {
    auto mtu = other_mtu();
    return mtu.empty() ? fmt::format("no heartbeat acknowledged yet: {}", path) : mtu;
  }
  if (auto mtu = other_mtu(); !mtu.empty()) return mtu;
  return {};
}

}  // namespace weave::overlay
