// Where a program listens or is reached: an address with a port, or a unix socket. Plain values.
#pragma once
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "address/ip.hpp"
#include "base/error.hpp"

namespace weave {

struct SocketAddress {
  Ip ip;
  uint16_t port = 0;

  auto operator<=>(const SocketAddress&) const = default;
  // "172.17.0.1:53" or "[fd00::1]:53".
  std::string str() const;
  // What str() writes; an empty host means 0.0.0.0. Refuses with a reason of two or three words.
  static Result<SocketAddress> parse(std::string_view text);
};

// The path of a unix socket may have as many bytes (sockaddr_un::sun_path without the zero at its end).
inline constexpr size_t kLongestSocketPath = 107;

struct ServiceAddress {
  std::string path;  // unix socket, when not empty
  std::string host;  // numeric IPv4 or IPv6 address
  uint16_t port = 0;

  auto operator<=>(const ServiceAddress&) const = default;
  bool is_unix() const { return !path.empty(); }
  // "unix:///run/x.sock" or "127.0.0.1:6784".
  std::string str() const;
  // "/path", "unix:///path", "tcp://ip:port", "http://ip:port", "ip:port", "[v6]:port", ":port" (127.0.0.1).
  static Result<ServiceAddress> parse(std::string_view text);
  // The same, and the port may be left out: "10.0.0.1", "10.0.0.1:", "[::1]".
  static Result<ServiceAddress> parse(std::string_view text, uint16_t default_port);
};

}  // namespace weave
