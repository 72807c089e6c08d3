// What the mesh knows of one peer: the entry that the peer itself announces and that everybody else copies.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address/mac.hpp"
#include "base/text.hpp"

namespace weave::mesh {

using weave::printable;
using Time = std::chrono::steady_clock::time_point;  // virtual in tests

// A connection as the peer that holds it announces it.
struct Link {
  PeerName to;
  std::string address;       // "ip:port": dialled when outbound, the remote socket otherwise
  bool outbound = false;     // opened by the peer that announces it
  bool established = false;  // data flows, as far as that peer can tell

  bool operator==(const Link&) const = default;
};

using ShortId = uint16_t;                     // half of a VNI of the fast datapath
inline constexpr ShortId kMaxShortId = 4095;  // 12 bits

struct Peer {
  PeerName name;
  std::string nickname;             // free text of the peer's: no promise about length or encoding
  uint64_t uid = 0;                 // new at every start of the peer's router; 0: nobody has heard of it itself yet
  uint64_t version = 0;             // one more at each change
  std::optional<ShortId> short_id;  // none: too old for the fast datapath
  std::vector<Link> links;          // ascending by name, one a name

  bool operator==(const Peer&) const = default;
  // Null when there is no link to that name.
  const Link* link_to(PeerName to) const;
  // As people see it: name(nickname), printable.
  std::string str() const;
};

}  // namespace weave::mesh
