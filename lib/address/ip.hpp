// An IPv4 or IPv6 address without a port: a plain value.
#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "address/ipv4.hpp"

namespace weave {

class Ip {
 public:
  Ip() = default;  // 0.0.0.0
  explicit Ip(Ipv4 address);
  // IPv4 in IPv6 form (::ffff:a.b.c.d) becomes IPv4. `zone`: of a link-local address, as in fe80::1%eth0.
  explicit Ip(const std::array<uint8_t, 16>& address, std::string zone = {});

  // Nothing for what is neither.
  static std::optional<Ip> parse(std::string_view text);
  std::string str() const;

  bool is_v4() const { return !v6_; }
  bool is_v6() const { return v6_; }
  // The IPv4 address; meaningful only for one.
  Ipv4 v4() const;
  bool is_unspecified() const;
  bool is_loopback() const;
  bool is_multicast() const;
  // fe80::/10 or 169.254.0.0/16
  bool is_link_local() const;
  // 255.255.255.255
  bool is_broadcast() const;

  // IPv4 addresses come first.
  auto operator<=>(const Ip&) const = default;

 private:
  bool v6_ = false;
  std::array<uint8_t, 16> bytes_{};  // of IPv4 the first four
  std::string zone_;
};

}  // namespace weave
