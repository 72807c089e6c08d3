// Addresses of routers, as users write them and as gossip carries them.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "address/ip.hpp"
#include "base/error.hpp"

namespace weave::mesh {

struct Endpoint {
  Ip ip;
  uint16_t port = 0;

  auto operator<=>(const Endpoint&) const = default;
  // "10.0.0.1:6783" or "[fd00::1]:6783".
  std::string str() const;
  // What str() writes. IPv4 addresses in IPv6 form become IPv4.
  static std::optional<Endpoint> parse(std::string_view text);
};

// A router as the user names it: host[:port], where the host is a name, an IPv4 address or an IPv6 address, the last in
// brackets when a port follows. Refuses with: invalid peer name "...", should be host[:port]
struct TargetName {
  std::string host;              // without brackets
  std::optional<uint16_t> port;  // 1..65535
  static Result<TargetName> parse(std::string_view text);
};

}  // namespace weave::mesh
