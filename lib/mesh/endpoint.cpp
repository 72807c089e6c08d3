#include "mesh/endpoint.hpp"

#include <charconv>

namespace weave::mesh {

namespace {

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

bool is_host_name(std::string_view text) {
  // A name that DNS could know; what else stands there would only make the resolver fail later, with a worse message.
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
}

}  // namespace

std::string Endpoint::str() const {
  return ip.is_v6() ? fmt::format("[{}]:{}", ip.to_string(), port) : fmt::format("{}:{}", ip.to_string(), port);
}

std::optional<Ip> parse_ip(std::string_view text) {
  boost::system::error_code code;
  auto ip = boost::asio::ip::make_address(text, code);
  if (code) return std::nullopt;
  if (ip.is_v6() && ip.to_v6().is_v4_mapped())
    return Ip(boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, ip.to_v6()));
  return ip;
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  auto host = text.substr(0, colon);
  bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (bracketed) host = host.substr(1, host.size() - 2);
  auto ip = parse_ip(host);
  auto port = parse_port(text.substr(colon + 1));
  if (!ip || !port || bracketed != (host.find(':') != host.npos)) return std::nullopt;
  return Endpoint{*ip, *port};
}

Result<TargetName> TargetName::parse(std::string_view text) {
  auto refused = [&] { return Refused(fmt::format("invalid peer name \"{}\", should be host[:port]", text)); };
  if (auto ip = parse_ip(text)) return TargetName{ip->to_string(), {}};
  TargetName name;
  std::string_view host = text;
  if (auto colon = text.rfind(':'); colon != text.npos && !text.ends_with(']')) {
    name.port = parse_port(text.substr(colon + 1));
    if (!name.port) return refused();
    host = text.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) {
    auto ip = parse_ip(host.substr(1, host.size() - 2));
    if (!ip) return refused();
    name.host = ip->to_string();
    return name;
  }
  if (auto ip = parse_ip(host); ip && ip->is_v4()) {
    name.host = ip->to_string();
    return name;
  }
  if (!is_host_name(host)) return refused();
  name.host = host;
  return name;
}

}  // namespace weave::mesh
