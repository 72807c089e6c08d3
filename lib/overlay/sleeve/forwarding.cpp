#include "overlay/sleeve/forwarding.hpp"

#include <algorithm>

namespace weave::overlay {

namespace {

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

Decision send_to(const Topology& topology, PeerName from, PeerName source, PeerName destination) {
  auto found = topology.next_hop.find(destination);
  if (found == topology.next_hop.end()) return dropped(Drop::kNoRoute);
  if (found->second == from) return dropped(Drop::kLoop);
  Decision out;
  out.source = source;
  out.destination = destination;
  out.hops = std::span(&found->second, 1);
  return out;
}

Decision flood(const Topology& topology, PeerName source) {
  Decision out;
  out.source = source;
  if (auto found = topology.broadcast.find(source); found != topology.broadcast.end()) out.hops = found->second;
  return out;
}

}  // namespace

Decision decide_captured(const Topology& topology, MacTable& macs, ByteView frame, MacTable::Time now) {
  if (frame.size() < kEthernetHeader) return dropped(Drop::kMalformed);
  auto destination = mac_at(frame, 0), source = mac_at(frame, 6);
  if (!possible_source(source)) return dropped(Drop::kSourceMac);
  auto known = macs.find(source, now);
  // A container that has moved here announces itself. Any other frame may be in a loop
  // outside of weave: learning from it would cut its sender off.
  if (known && *known != topology.self && !gratuitous_arp(frame)) return dropped(Drop::kSourceElsewhere);
  auto moved = macs.learn(source, topology.self, now);
  if (destination == kSpanningTree) return dropped(Drop::kReserved);
  auto behind = destination.multicast() ? std::nullopt : macs.find(destination, now);
  if (behind == topology.self) return dropped(Drop::kLocal);
  auto out = behind ? send_to(topology, {}, topology.self, *behind) : flood(topology, topology.self);
  out.moved = moved;
  return out;
}

Decision decide_received(const Topology& topology, MacTable& macs, PeerName from, PeerName source, PeerName destination,
                         ByteView frame, MacTable::Time now) {
  if (frame.size() < kEthernetHeader) return dropped(Drop::kMalformed);
  auto sender = mac_at(frame, 6);
  if (source == topology.self) return dropped(Drop::kOwn);
  if (!possible_source(sender)) return dropped(Drop::kSourceMac);
  if (!topology.broadcast.contains(source)) return dropped(Drop::kUnknownPeer);
  if (destination != topology.self) return send_to(topology, from, source, destination);
  // A peer's name is its bridge's MAC: no container elsewhere has ours.
  if (sender == topology.self.mac()) return dropped(Drop::kSpoofed);
  auto moved = macs.learn(sender, source, now);
  auto receiver = mac_at(frame, 0);
  auto behind = receiver.multicast() ? std::nullopt : macs.find(receiver, now);
  auto out = behind == topology.self ? Decision() : flood(topology, source);
  out.source = source;
  out.inject = true;
  out.moved = moved;
  return out;
}

}  // namespace weave::overlay
