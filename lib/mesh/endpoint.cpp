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
  return ip.is_v6() ? fmt::format("[{}]:{}", ip.str(), port) : fmt::format("{}:{}", ip.str(), port);
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  auto host = text.substr(0, colon);
  bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (bracketed) host = host.substr(1, host.size() - 2);
  auto ip = Ip::parse(host);
  auto port = parse_port(text.substr(colon + 1));
  if (!ip || !port || bracketed != (host.find(':') != host.npos)) return std::nullopt;
  return Endpoint{*ip, *port};
}

Result<TargetName> TargetName::parse(std::string_view text) {
  auto refused = [&] { return Refused(fmt::format("invalid peer name \"{}\", should be host[:port]", text)); };
  if (auto ip = Ip::parse(text)) return TargetName{ip->str(), {}};
  TargetName name;
  std::string_view host = text;
  if (auto colon = text.rfind(':'); colon != text.npos && !text.ends_with(']')) {
    name.port = parse_port(text.substr(colon + 1));
    if (!name.port) return refused();
    host = text.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) {
    auto ip = Ip::parse(host.substr(1, host.size() - 2));
    if (!ip) return refused();
    name.host = ip->str();
    return name;
  }
  if (auto ip = Ip::parse(host); ip && ip->is_v4()) {
    name.host = ip->str();
    return name;
  }
  if (!is_host_name(host)) return refused();
  name.host = host;
  return name;
}

}  // namespace weave::mesh
