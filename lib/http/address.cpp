#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/un.h>

#include <charconv>

#include "http/http.hpp"

namespace weave::http {
namespace {

bool strip(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool is_numeric(int family, const std::string& host) {
  in6_addr scratch;  // large enough for either family
  return inet_pton(family, host.c_str(), &scratch) == 1;
}

}  // namespace

std::string Address::str() const {
  if (is_unix()) return "unix://" + path;
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

Result<Address> Address::parse(std::string_view text) {
  std::string_view left = text;
  if (text.find('\0') != std::string_view::npos) return Refused("an address may not contain a zero byte");
  if (strip(left, "unix://") || left.starts_with('/')) {
    if (!left.starts_with('/')) return Refused(fmt::format("{}: the path of a unix socket must be absolute", text));
    if (left.size() >= sizeof(sockaddr_un::sun_path))
      return Refused(fmt::format("{}: the path of a unix socket may have at most {} characters", text,
                                 sizeof(sockaddr_un::sun_path) - 1));
    return Address{.path = std::string(left)};
  }
  if (strip(left, "tcp://") || strip(left, "http://"))
    if (left.ends_with('/')) left.remove_suffix(1);

  size_t colon = left.rfind(':');
  if (colon == std::string_view::npos) return Refused(fmt::format("{}: a port is missing", text));
  std::string_view digits = left.substr(colon + 1);
  Address out{.host = std::string(left.substr(0, colon))};
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
  if (error != std::errc() || end != digits.data() + digits.size())
    return Refused(fmt::format("{}: not a port: {}", text, digits));

  if (out.host.starts_with('[') && out.host.ends_with(']')) {
    out.host = out.host.substr(1, out.host.size() - 2);
    if (is_numeric(AF_INET6, out.host)) return out;
  } else {
    if (out.host.empty() || out.host == "localhost") out.host = "127.0.0.1";
    if (is_numeric(AF_INET, out.host)) return out;
  }
  return Refused(fmt::format("{}: not a numeric IP address: {}", text, out.host));
}

}  // namespace weave::http
