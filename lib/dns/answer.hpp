// The answer to a DNS message is a function of the names, the message, the transport and a few settings.
//
// Which question goes where, most specific first:
//   1. in the domain        our names, or NXDOMAIN: never forwarded
//   2. in in-addr.arpa      the name of an address of ours, otherwise forwarded
//   3. a single label       looked up in the domain; never forwarded
//   4. everything else      forwarded
#pragma once
#include <random>
#include <string>

#include "dns/message.hpp"
#include "names/index.hpp"

namespace weave::dns {

enum class Transport { kUdp, kTcp };

struct Zone {
  std::string domain = "weave.local.";  // lower case, with trailing dot
  uint32_t ttl = 1;                     // seconds
  uint16_t max_udp_size = 1232;         // bytes; larger EDNS sizes are lowered to this, smaller than 512 raised to 512
  PeerName local;                       // addresses of this peer's containers come first; 0: in any order
};

struct Answer {
  enum class Kind { kReply, kForward, kDrop };
  Kind kind = Kind::kDrop;
  Bytes bytes;  // of a reply
  int rcode = 0;
  size_t limit = 0;  // when to forward: the longest reply that the client takes
};

// `random` shuffles the addresses of a name, or of each of the two groups that Zone::local makes of them.
Answer answer(const names::Index& table, ByteView message, Transport transport, const Zone& zone, std::mt19937& random);

}  // namespace weave::dns
