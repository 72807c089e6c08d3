// Messages between neighbours: a tag, then for gossip an envelope, which is a stream of gob values.
//
//   4 gossip      channel, source, data                 source: the neighbour that sends it
//   5 unicast     channel, source, destination, data    source: who made it; relays pass it on unchanged
//   6 broadcast   channel, source, data                 source: who made it
//
// Source: the mesh library of Weave Net 2.8.1 (revision 58dbcc3), gossip_channel.go and router.go.
#pragma once
#include <string_view>

#include "address/mac.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"

namespace weave::mesh {

enum class Tag : uint8_t {
  kHeartbeat = 0,
  // Overlay control of peers that announce no overlays (plain sleeve).
  kConnectionEstablished = 1,
  kFragmentationReceived = 2,
  kPmtuVerified = 3,
  kGossip = 4,
  kUnicast = 5,
  kBroadcast = 6,
  kOverlayControl = 7,
};

// A message can't be longer, encrypted as it may be: the limit of a frame less what secretbox adds.
inline constexpr size_t kMaxMessage = 10 * 1024 * 1024 - 16;

struct Envelope {
  std::string_view channel;
  PeerName source;
  PeerName destination;  // of a unicast; otherwise 0
  ByteView data;
};

// A whole message, tag included.
Bytes encode_envelope(Tag tag, const Envelope& envelope);

// What follows the tag, which must be one of the three; the result points into it. Refuses names beyond 48 bits.
Result<Envelope> decode_envelope(Tag tag, ByteView payload);

}  // namespace weave::mesh
