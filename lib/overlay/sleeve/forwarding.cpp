#include "overlay/sleeve/forwarding.hpp"

#include <algorithm>

namespace weave::overlay {

namespace {

constexpr std::array<std::string_view, kDropKinds> kNames{
    "malformed",    "hostile_source", "elsewhere",     "reserved",      "local",          "own",
    "unknown_peer", "no_route",       "loop",          "no_connection", "no_address",     "too_big",
    "refused",      "unknown_sender", "not_authentic", "replayed",      "bridge_refused", "congested"};

constexpr Mac kSpanningTree{{0x01, 0x80, 0xc2, 0x00, 0x00, 0x00}};
constexpr uint16_t kArpType = 0x0806;

Mac mac_at(ByteView frame, size_t at) {
  Mac mac;
  std::copy_n(frame.begin() + static_cast<ptrdiff_t>(at), mac.bytes.size(), mac.bytes.begin());
  return mac;
}

bool possible_source(const Mac& mac) {
  return !mac.multicast() && mac != Mac{};
}

// An announcement "my address is at my MAC": sender's and target's address are the same.
bool gratuitous_arp(ByteView frame) {
  constexpr size_t arp = kEthernetHeader, sender_mac = arp + 8, sender_ip = arp + 14, target_ip = arp + 24;
  return frame.size() >= target_ip + 4 && get_u16(frame, 12) == kArpType &&
         std::equal(&frame[6], &frame[12], &frame[sender_mac]) &&
         std::equal(&frame[sender_ip], &frame[sender_ip + 4], &frame[target_ip]);
}

Decision dropped(Drop why) {
  Decision out;
  out.drop = why;
  return out;
}

Decision send_to(const RouteTable& routes, PeerName from, PeerName source, PeerName destination) {
  auto found = routes.next_hop.find(destination);
  if (found == routes.next_hop.end()) return dropped(Drop::kNoRoute);
  if (found->second == from) return dropped(Drop::kLoop);
  Decision out;
  out.source = source;
  out.destination = destination;
  out.hops = std::span(&found->second, 1);
  return out;
}

Decision flood(const RouteTable& routes, PeerName source) {
  Decision out;
  out.source = source;
  if (auto found = routes.broadcast.find(source); found != routes.broadcast.end()) out.hops = found->second;
  return out;
}

}  // namespace

std::string_view name_of(Drop drop) {
  return kNames[static_cast<size_t>(drop)];
}

Decision decide_captured(const RouteTable& routes, MacTable& macs, ByteView frame, MacTable::Time now) {
  if (frame.size() < kEthernetHeader) return dropped(Drop::kMalformed);
  auto destination = mac_at(frame, 0), source = mac_at(frame, 6);
  if (!possible_source(source)) return dropped(Drop::kHostileSource);
  auto known = macs.find(source, now);
  // A container that has moved here announces itself. Anything else may be a frame that somebody sends round in a
  // circle: were it believed, its sender would be cut off.
  if (known && *known != routes.self && !gratuitous_arp(frame)) return dropped(Drop::kElsewhere);
  auto moved = macs.learn(source, routes.self, now);
  if (destination == kSpanningTree) return dropped(Drop::kReserved);
  auto behind = destination.multicast() ? std::nullopt : macs.find(destination, now);
  if (behind == routes.self) return dropped(Drop::kLocal);
  auto out = behind ? send_to(routes, {}, routes.self, *behind) : flood(routes, routes.self);
  out.moved = moved;
  return out;
}

Decision decide_received(const RouteTable& routes, MacTable& macs, PeerName from, PeerName source, PeerName destination,
                         ByteView frame, MacTable::Time now) {
  if (frame.size() < kEthernetHeader) return dropped(Drop::kMalformed);
  auto sender = mac_at(frame, 6);
  if (source == routes.self) return dropped(Drop::kOwn);
  if (!possible_source(sender)) return dropped(Drop::kHostileSource);
  if (!routes.broadcast.contains(source)) return dropped(Drop::kUnknownPeer);
  if (destination != routes.self) return send_to(routes, from, source, destination);
  // A peer's name is its bridge's MAC: nobody else sends with ours.
  if (sender == routes.self.mac()) return dropped(Drop::kHostileSource);
  auto moved = macs.learn(sender, source, now);
  auto receiver = mac_at(frame, 0);
  auto behind = receiver.multicast() ? std::nullopt : macs.find(receiver, now);
  auto out = behind == routes.self ? Decision() : flood(routes, source);
  out.source = source;
  out.inject = true;
  out.moved = moved;
  return out;
}

}  // namespace weave::overlay
