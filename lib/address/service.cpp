#include "address/service.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace weave {
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

std::string SocketAddress::str() const {
  return ip.is_v6() ? fmt::format("[{}]:{}", ip.str(), port) : fmt::format("{}:{}", ip.str(), port);
}

Result<SocketAddress> SocketAddress::parse(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == text.npos) return Refused("missing port");
  auto host = text.substr(0, colon), digits = text.substr(colon + 1);
  SocketAddress out;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
  if (error != std::errc() || end != digits.data() + digits.size()) return Refused("bad port");
  bool brackets = host.starts_with('[') && host.ends_with(']');
  if (brackets) host = host.substr(1, host.size() - 2);
  auto ip = Ip::parse(host.empty() ? "0.0.0.0" : host);
  bool colons = host.find(':') != host.npos;
  if (!ip || colons != brackets) return Refused("not an address");
  out.ip = *ip;
  return out;
}

std::string ServiceAddress::str() const {
  if (is_unix()) return "unix://" + path;
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

Result<ServiceAddress> ServiceAddress::parse(std::string_view text) {
  std::string_view left = text;
  if (text.find('\0') != std::string_view::npos) return Refused("an address may not contain a zero byte");
  if (strip(left, "unix://") || left.starts_with('/')) {
    if (!left.starts_with('/')) return Refused(fmt::format("{}: the path of a unix socket must be absolute", text));
    if (left.size() > kLongestSocketPath)
      return Refused(
          fmt::format("{}: the path of a unix socket may have at most {} characters", text, kLongestSocketPath));
    return ServiceAddress{.path = std::string(left)};
  }
  if (strip(left, "tcp://") || strip(left, "http://"))
    if (left.ends_with('/')) left.remove_suffix(1);

  size_t colon = left.rfind(':');
  if (colon == std::string_view::npos) return Refused(fmt::format("{}: a port is missing", text));
  std::string_view digits = left.substr(colon + 1);
  ServiceAddress out{.host = std::string(left.substr(0, colon))};
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

Result<ServiceAddress> ServiceAddress::parse(std::string_view text, uint16_t default_port) {
  bool endpoint = !text.starts_with('/') && text.find("://") == std::string_view::npos;
  auto colons = std::count(text.begin(), text.end(), ':');
  if (endpoint && colons == 1 && text.ends_with(':')) return parse(fmt::format("{}{}", text, default_port));
  if (endpoint && (colons == 0 || text.ends_with(']'))) return parse(fmt::format("{}:{}", text, default_port));
  return parse(text);
}

}  // namespace weave
