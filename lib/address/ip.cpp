#include "address/ip.hpp"

#include <arpa/inet.h>

#include <algorithm>

namespace weave {
namespace {

constexpr std::array<uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// A zone is the name of an interface, and must not be mistaken for what surrounds the address.
bool is_zone(std::string_view text) {
  constexpr size_t longest = 15;
  return !text.empty() && text.size() <= longest && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c <= '~' && std::string_view("/:[]%").find(c) == std::string_view::npos;
  });
}

}  // namespace

Ip::Ip(Ipv4 address) {
  for (int i = 0; i < 4; ++i) bytes_[i] = static_cast<uint8_t>(address.value >> (24 - 8 * i));
}

Ip::Ip(const std::array<uint8_t, 16>& address, std::string zone) {
  if (std::equal(kMapped.begin(), kMapped.end(), address.begin())) {
    std::copy_n(address.begin() + kMapped.size(), 4, bytes_.begin());
    return;
  }
  v6_ = true;
  bytes_ = address;
  zone_ = std::move(zone);
}

std::optional<Ip> Ip::parse(std::string_view text) {
  if (text.find('\0') != text.npos) return std::nullopt;  // inet_pton would not see the rest
  auto percent = text.find('%');
  std::string address(text.substr(0, percent));
  std::array<uint8_t, 16> bytes{};
  if (percent == text.npos && ::inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) {
    Ip ip;
    ip.bytes_ = bytes;
    return ip;
  }
  std::string zone(percent == text.npos ? "" : text.substr(percent + 1));
  if (percent != text.npos && !is_zone(zone)) return std::nullopt;
  if (::inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) return std::nullopt;
  return Ip(bytes, zone);
}

std::string Ip::str() const {
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(v6_ ? AF_INET6 : AF_INET, bytes_.data(), text, sizeof text);
  return zone_.empty() ? text : std::string(text) + "%" + zone_;
}

Ipv4 Ip::v4() const {
  return {static_cast<uint32_t>(bytes_[0]) << 24 | static_cast<uint32_t>(bytes_[1]) << 16 |
          static_cast<uint32_t>(bytes_[2]) << 8 | bytes_[3]};
}

bool Ip::is_unspecified() const {
  return std::all_of(bytes_.begin(), bytes_.end(), [](uint8_t byte) { return byte == 0; });
}

bool Ip::is_loopback() const {
  if (!v6_) return bytes_[0] == 127;
  return bytes_[15] == 1 && std::all_of(bytes_.begin(), bytes_.end() - 1, [](uint8_t byte) { return byte == 0; });
}

bool Ip::is_multicast() const {
  return v6_ ? bytes_[0] == 0xff : bytes_[0] >> 4 == 0xe;
}

bool Ip::is_link_local() const {
  return v6_ ? bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80 : bytes_[0] == 169 && bytes_[1] == 254;
}

bool Ip::is_broadcast() const {
  return !v6_ && v4().value == 0xffffffff;
}

}  // namespace weave
