// The messages of the gossip channel "IPallocation".
//
//   gossip, broadcast   state
//   unicast             0x00 range   asks for space in the range
//                       0x01 state   what the sender knows, as an answer
//                       0x02 range   refuses the space that was asked for
//
// A state is one gob value, its type definitions in front; so is a range:
//
//   State { Now int; Nicknames map[uint]string; Paxos map[NodeID]NodeClaims; Ring *Ring }
//   Range { Start uint; End uint }
//
// A peer with a ring sends the ring. One without sends its Paxos table, which may be empty; an observer, which has
// none, sends neither, and thereby asks for the ring. The protocol is that of Weave Net 1.2 and later.
//
// Source: Weave Net 2.8.1, ipam/allocator.go, ipam/ring/ring.go and ipam/paxos/paxos.go.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "ipam/paxos.hpp"
#include "ipam/ring.hpp"

namespace weave::ipam {

inline constexpr const char* kChannelName = "IPallocation";

enum class Tag : uint8_t { kSpaceRequest = 0, kRingUpdate = 1, kSpaceDenied = 2 };

// A ring as it was received: nothing about it holds.
struct WireRing {
  Ipv4 start, end;
  PeerName peer;  // whose copy it is; ignored
  std::vector<Entry> entries;
  std::vector<PeerName> seeds;

  bool operator==(const WireRing&) const = default;
};

struct State {
  int64_t now = 0;  // Unix time in seconds; ignored by all but the oldest
  std::map<PeerName, std::string> nicknames;
  std::optional<PaxosTable> paxos;
  std::optional<WireRing> ring;

  bool operator==(const State&) const = default;
};

// Refuses what isn't a state, and what no honest peer says: names of more than 48 bits, versions at the end of their
// range, tables beyond all measure. The ring is still to be checked.
Result<State> decode_state(ByteView bytes);
Bytes encode_state(const State& state);

// A range; the end exclusive, the top of the address space being 0. It may be empty or the wrong way round.
Result<Ipv4Range> decode_range(ByteView bytes);
Bytes encode_range(Ipv4Range range);

// With the tag in front.
Bytes encode_unicast(Tag tag, ByteView content);

WireRing to_wire(const Ring& ring);

// Versions beyond are refused: ours could no longer be raised above them.
inline constexpr uint32_t kMaxVersion = 0xf0000000;
// Entries of a ring that is received; each peer adds a few, and single addresses that went over two.
inline constexpr size_t kMaxEntries = 256 * 1024;
inline constexpr size_t kMaxNicknames = 4096;
inline constexpr size_t kMaxNickname = 1024;  // bytes; longer ones are cut

}  // namespace weave::ipam
