#include "mesh/topology.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gob/decode.hpp"
#include "gob/encode.hpp"

namespace weave::mesh {

namespace {

struct PeerSummary {
  ByteView name;
  std::string_view nickname;
  uint64_t uid = 0, version = 0;
  uint16_t short_id = 0;
  bool has_short_id = false;
};
struct ConnectionSummary {
  ByteView name;
  std::string_view address;
  bool outbound = false, established = false;
};

std::array<uint8_t, 6> name_bytes(PeerName name) {
  return name.mac().bytes;
}

// 0 for what is no name.
PeerName parse_name(ByteView bytes) {
  return PeerName::from_bytes(bytes).value_or(PeerName{});
}

}  // namespace

}  // namespace weave::mesh

namespace weave::gob {
template <>
struct Shaped<mesh::PeerSummary> {
  static Shape make() {
    using mesh::PeerSummary;
    return structure("peerSummary",
                     {field<&PeerSummary::name>("NameByte"), field<&PeerSummary::nickname>("NickName"),
                      field<&PeerSummary::uid>("UID"), field<&PeerSummary::version>("Version"),
                      field<&PeerSummary::short_id>("ShortID"), field<&PeerSummary::has_short_id>("HasShortID")});
  }
};
template <>
struct Shaped<mesh::ConnectionSummary> {
  static Shape make() {
    using mesh::ConnectionSummary;
    return structure(
        "connectionSummary",
        {field<&ConnectionSummary::name>("NameByte"), field<&ConnectionSummary::address>("RemoteTCPAddr"),
         field<&ConnectionSummary::outbound>("Outbound"), field<&ConnectionSummary::established>("Established")});
  }
};
}  // namespace weave::gob

namespace weave::mesh {

Bytes encode_topology(std::span<const Peer* const> peers, int64_t first_id) {
  gob::Encoder encoder(first_id);
  std::vector<std::array<uint8_t, 6>> names;
  std::vector<ConnectionSummary> list;
  for (const auto* peer : peers) {
    auto name = name_bytes(peer->name);
    encoder.encode(PeerSummary{name, peer->nickname, peer->uid, peer->version, peer->short_id.value_or(0),
                               peer->short_id.has_value()});
    names.clear();
    for (const auto& link : peer->links) names.push_back(name_bytes(link.to));
    list.clear();
    for (size_t i = 0; i < names.size(); ++i)
      list.push_back({names[i], peer->links[i].address, peer->links[i].outbound, peer->links[i].established});
    encoder.encode(list);
  }
  return encoder.take();
}

Result<std::vector<Peer>> decode_topology(ByteView payload) {
  gob::Decoder decoder({.elements = kMaxGossipedLinks});
  Reader in(payload);
  std::vector<Peer> peers;
  size_t links = 0;
  while (!gob::at_end(in)) {
    auto summary = decoder.decode<PeerSummary>(in);
    if (!summary) return Refused(summary.error());
    if (gob::at_end(in)) break;  // a lone summary is dropped, as Weave Net does
    auto list = decoder.decode<std::vector<ConnectionSummary>>(in);
    if (!list) return Refused(list.error());
    if ((links += list->size()) > kMaxGossipedLinks) return Refused("too many connections in a topology payload");
    Peer peer{parse_name(summary->name), std::string(summary->nickname), summary->uid, summary->version, {}, {}};
    if (!peer.name.value) continue;
    if (peers.size() == kMaxGossipedPeers) return Refused("too many peers in a topology payload");
    if (summary->has_short_id) peer.short_id = summary->short_id;
    for (const auto& connection : *list)
      if (auto to = parse_name(connection.name); to.value)
        peer.links.push_back({to, std::string(connection.address), connection.outbound, connection.established});
    // Last wins: turned round, a stable sort puts the last one first, and unique keeps the first.
    std::reverse(peer.links.begin(), peer.links.end());
    std::stable_sort(peer.links.begin(), peer.links.end(), [](const Link& a, const Link& b) { return a.to < b.to; });
    auto same = [](const Link& a, const Link& b) { return a.to == b.to; };
    peer.links.erase(std::unique(peer.links.begin(), peer.links.end(), same), peer.links.end());
    peers.push_back(std::move(peer));
  }
  return peers;
}

}  // namespace weave::mesh
