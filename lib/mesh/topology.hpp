// The payload of the gossip channel "topology": any number of peers, each with its connections.
//
//   peerSummary  { NameByte, NickName, UID, Version, ShortID, HasShortID }     one stream of gob,
//   []connectionSummary { NameByte, RemoteTCPAddr, Outbound, Established }     these two in turn
//
// Source: the mesh library of Weave Net 2.8.1 (revision 58dbcc3), peers.go and peer.go.
#pragma once
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "mesh/peer.hpp"

namespace weave::mesh {

// What a payload may hold; more is refused.
inline constexpr size_t kMaxGossipedPeers = 1 << 14;
inline constexpr size_t kMaxGossipedLinks = 1 << 18;  // of all peers

// The bytes that Go's encoder makes; no peers give no bytes. `first_id`: see gob::Encoder.
Bytes encode_topology(std::span<const Peer* const> peers, int64_t first_id = 65);

// Accepts what Weave Net accepts, except values nested deeper than 64, and more peers or links than the limits. Peers
// and links whose name isn't six bytes, or is zero, are left out; of several links to one name the last one counts.
Result<std::vector<Peer>> decode_topology(ByteView payload);

}  // namespace weave::mesh
