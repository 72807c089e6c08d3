// What two peers tell each other about themselves in the handshake: a map of texts.
//
//     PeerNameFlavour  mac                        required
//     Name             02:00:00:00:00:01          required
//     NickName         free text, may be empty    required
//     UID, ConnID      decimal, 64 bits           required
//     ShortID          decimal, 0..4095           absent: the peer has none
//     Trusted          true or false              absent: false
//     Overlays         names with a space between, in order of preference; absent: see overlay/switch.hpp
//     PublicKey        64 hex digits              only in protocol version 1, only with a password
//
// Source: the mesh library of Weave Net 2.8.1 (revision 58dbcc3), connection.go.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "address/mac.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "mesh/cipher.hpp"

namespace weave::mesh {

using FeatureMap = std::map<std::string, std::string>;

struct Features {
  PeerName name;
  std::string nickname;
  uint64_t uid = 0;      // another one at every start of the peer
  uint64_t conn_id = 0;  // random for each connection
  std::optional<uint16_t> short_id;
  bool trusted = false;                              // "your address is in my trusted subnets"
  std::optional<std::vector<std::string>> overlays;  // nothing: the peer doesn't know of overlays
  std::optional<PublicKey> public_key;               // protocol version 1 only

  bool operator==(const Features&) const = default;
  // As people see the peer: name(nickname), printable.
  std::string label() const;
};

// The map to send. Version 1 peers get those keys only that they know.
FeatureMap to_map(const Features& features, int version);

// Checks a map in the order in which Weave Net checks it, with its words. Beyond that it refuses the name 0, short ids
// over 4095 and public keys that aren't 32 bytes.
Result<Features> to_features(const FeatureMap& map, int version);

// The map as a gob value with its type definition, and back. Bytes behind the value are ignored, as Weave Net does.
Bytes encode_features(const FeatureMap& map);
Result<FeatureMap> decode_features(ByteView bytes);

}  // namespace weave::mesh
