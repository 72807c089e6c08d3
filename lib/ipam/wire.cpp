#include "ipam/wire.hpp"

#include "gob/decode.hpp"
#include "gob/encode.hpp"

namespace weave::gob {

using namespace weave::ipam;

template <>
struct Shaped<NodeId> {
  static Shape make() { return structure("", {field<&NodeId::name>("Name"), field<&NodeId::uid>("UID")}); }
};
template <>
struct Shaped<Ballot> {
  static Shape make() {
    return structure("ProposalID", {field<&Ballot::round>("Round"), field<&Ballot::proposer>("Proposer")});
  }
};
template <>
struct Shaped<Value> {
  static Shape make() {
    return structure("AcceptedValue", {field<&Value::peers>("Value", "Value"), field<&Value::origin>("Origin")});
  }
};
template <>
struct Shaped<Claims> {
  static Shape make() {
    return structure("", {field<&Claims::promise>("Promise"), field<&Claims::accepted>("Accepted"),
                          field<&Claims::value>("AcceptedVal")});
  }
};
template <>
struct Shaped<Entry> {
  static Shape make() {
    return structure("", {field<&Entry::token>("Token"), field<&Entry::peer>("Peer"), field<&Entry::version>("Version"),
                          field<&Entry::free>("Free")});
  }
};
template <>
struct Shaped<WireRing> {
  static Shape make() {
    return structure(
        "Ring", {field<&WireRing::start>("Start"), field<&WireRing::end>("End"), field<&WireRing::peer>("Peer"),
                 field<&WireRing::entries>("Entries", "entries"), field<&WireRing::seeds>("Seeds", "[]mesh.PeerName")});
  }
};
template <>
struct Shaped<State> {
  static Shape make() {
    return structure("gossipState",
                     {field<&State::now>("Now"), field<&State::nicknames>("Nicknames", "map[mesh.PeerName]string"),
                      field<&State::paxos>("Paxos", "GossipState"), field<&State::ring>("Ring")});
  }
};
template <>
struct Shaped<Ipv4Range> {
  static Shape make() { return structure("Range", {field<&Ipv4Range::start>("Start"), field<&Ipv4Range::end>("End")}); }
};

}  // namespace weave::gob

namespace weave::ipam {
namespace {

// Where Weave Net begins to number the types of a range, which its process knows after those of the state.
constexpr int64_t kRangeType = 77;

constexpr gob::Limits kLimits{.definitions = 64, .fields = 64, .elements = 2 * kMaxEntries, .depth = 16};

bool fits(PeerName name) {
  return name.value >> 48 == 0;
}
bool fits(const Ballot& ballot) {
  return fits(ballot.proposer.name);
}
bool fits(const std::vector<PeerName>& names) {
  return std::ranges::all_of(names, [](PeerName name) { return fits(name); });
}
bool fits(const Claims& claims) {
  return fits(claims.promise) && fits(claims.accepted) && fits(claims.value.origin) && fits(claims.value.peers);
}

// The first reason not to believe it; empty: none.
std::string_view reason_against(const State& state) {
  constexpr std::string_view name = "a peer's name has more than 48 bits";
  for (const auto& [peer, nickname] : state.nicknames)
    if (!fits(peer)) return name;
  if (state.paxos) {
    if (state.paxos->size() > Paxos::kMaxNodes) return "too many nodes in the election";
    for (const auto& [node, claims] : *state.paxos)
      if (!fits(node.name) || !fits(claims)) return name;
  }
  if (!state.ring) return {};
  if (state.ring->entries.size() > kMaxEntries) return "too many entries in the ring";
  if (!fits(state.ring->seeds)) return name;
  for (const auto& entry : state.ring->entries) {
    if (!fits(entry.peer)) return name;
    if (entry.version > kMaxVersion) return "the version of an entry of the ring is out of range";
  }
  return {};
}

}  // namespace

Result<State> decode_state(ByteView bytes) {
  auto state = gob::decode<State>(bytes, kLimits);
  if (!state) return state;
  if (auto reason = reason_against(*state); !reason.empty()) return Refused(std::string(reason));
  return state;
}

Bytes encode_state(const State& state) {
  return gob::encode(state);
}

Result<Ipv4Range> decode_range(ByteView bytes) {
  return gob::decode<Ipv4Range>(bytes, kLimits);
}

Bytes encode_range(Ipv4Range range) {
  gob::Encoder encoder(kRangeType);
  encoder.encode(range);
  return encoder.take();
}

Bytes encode_unicast(Tag tag, ByteView content) {
  Writer out;
  out.u8(static_cast<uint8_t>(tag));
  out.bytes(content);
  return out.take();
}

WireRing to_wire(const Ring& ring) {
  return {ring.range().start, ring.range().end, ring.self(), ring.entries(), ring.seeds()};
}

}  // namespace weave::ipam
