// States and ranges as the golden data writes them.
#pragma once
#include "ipam/wire.hpp"
#include "unit/ipam/vectors.hpp"

namespace weave::ipam {

inline NodeId node_id(const Json& j) {
  return {peer(j["Name"]), std::stoull(text(j["UID"]))};
}
inline Ballot ballot(const Json& j) {
  return {j["Round"].get<uint64_t>(), node_id(j["Proposer"])};
}
// Lists of peers are sorted: their order is arbitrary.
inline Claims claims(const Json& j) {
  Claims out{ballot(j["Promise"]),
             ballot(j["Accepted"]),
             {peers(j["AcceptedVal"]["Value"]), ballot(j["AcceptedVal"]["Origin"])}};
  std::ranges::sort(out.value.peers);
  return out;
}
inline PaxosTable paxos_table(const Json& list) {
  PaxosTable table;
  for (const auto& j : list) table[node_id(j["Node"])] = claims(j);
  return table;
}
inline PaxosTable sorted(PaxosTable table) {
  for (auto& [node, claims] : table) std::ranges::sort(claims.value.peers);
  return table;
}

inline State state(const Json& j) {
  State out;
  out.now = j["Now"];
  for (const auto& [name, nickname] : j["Nicknames"].items()) out.nicknames[peer(name)] = text(nickname);
  if (!j["Paxos"].is_null()) out.paxos = paxos_table(j["Paxos"]);
  if (const auto& r = j["Ring"]; !r.is_null())
    out.ring = WireRing{ip(r["Start"]), ip(r["End"]), peer(r["Peer"]), entries(r["Entries"]), peers(r["Seeds"])};
  return out;
}
inline State sorted(State state) {
  if (state.paxos) state.paxos = sorted(std::move(*state.paxos));
  return state;
}

}  // namespace weave::ipam
