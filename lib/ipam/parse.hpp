// The texts of requests, with the refusals that Weave Net answers.
//
// Source: Weave Net 2.8.1, ipam/http.go.
#pragma once
#include <string_view>
#include <vector>

#include "address/ipv4.hpp"
#include "address/mac.hpp"

namespace weave::ipam {

// An address with prefix length, as in a claim. Refuses "invalid CIDR address: ..." or, for IPv6, "invalid Non-IPv4
// address not supported: ...".
Result<Cidr> parse_cidr(std::string_view text);

// A subnet to allocate from, also a range or default subnet: as above, and no bits after the prefix, and four addresses
// at least.
Result<Cidr> parse_subnet(std::string_view text);

// A single address, as in a release; IPv6 counts as 0.0.0.0. Refuses "invalid IP Address: ...".
Result<Ipv4> parse_address(std::string_view text);

// How the range is first divided: the value of --ipalloc-init.
struct Init {
  bool observer = false;
  uint32_t expected = 0;       // peers that will vote; 0: not said
  std::vector<PeerName> seed;  // empty: by election
};

// "consensus", "consensus=<peers>", "seed=<name>,...", "observer" or nothing. Refuses with the words that Weave Net
// puts behind "Unable to parse --ipalloc-init: ".
Result<Init> parse_init(std::string_view text);

}  // namespace weave::ipam
