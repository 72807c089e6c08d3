#include "ipam/parse.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <optional>

namespace weave::ipam {
namespace {

constexpr int kLongestPrefix = 30;  // four addresses

bool is_ipv6(std::string_view text) {
  in6_addr address;
  return inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1;
}

bool is_ipv6_cidr(std::string_view text) {
  auto slash = text.find('/');
  if (slash == std::string_view::npos || !is_ipv6(text.substr(0, slash))) return false;
  auto prefix = text.substr(slash + 1);
  if (prefix.empty() || prefix.size() > 3 || prefix.find_first_not_of("0123456789") != prefix.npos) return false;
  return std::stoi(std::string(prefix)) <= 128;
}

}  // namespace

Result<Cidr> parse_cidr(std::string_view text) {
  auto cidr = Cidr::parse(text);
  if (!cidr && is_ipv6_cidr(text)) return Refused(fmt::format("invalid Non-IPv4 address not supported: {}", text));
  return cidr;
}

Result<Cidr> parse_subnet(std::string_view text) {
  auto cidr = parse_cidr(text);
  if (!cidr) return cidr;
  // A prefix of 0 means 2^32 addresses, which Weave Net counts as none.
  if (cidr->prefix > kLongestPrefix || cidr->prefix == 0)
    return Refused(fmt::format("invalid subnet - smaller than minimum size 4: {}", text));
  if (cidr->address != cidr->network())
    return Refused(fmt::format("invalid subnet - bits after network prefix are not all zero: {}", text));
  return cidr;
}

Result<Ipv4> parse_address(std::string_view text) {
  auto address = Ipv4::parse(text);
  if (address) return address;
  if (is_ipv6(text)) return Ipv4{};
  return Refused(fmt::format("invalid IP Address: {}", text));
}

Result<Init> parse_init(std::string_view text) {
  Init init;
  auto equals = text.find('=');
  auto mode = text.substr(0, equals);
  std::optional<std::string_view> value;
  if (equals != text.npos) value = text.substr(equals + 1);
  if (mode == "observer") {
    if (value) return Refused("observer mode takes no parameter");
    init.observer = true;
  } else if (mode == "seed") {
    if (!value) return Refused("seed mode requires peer name list");
    if (value->empty()) return init;
    for (size_t at = 0; at <= value->size();) {
      auto name = value->substr(at, value->find(',', at) - at);
      auto peer = PeerName::parse(name);
      if (!peer)
        return Refused(
            fmt::format("bad seed parameter: error parsing peer names: invalid peer name format: \"{}\"", name));
      init.seed.push_back(*peer);
      at += name.size() + 1;
    }
  } else if (mode == "consensus") {
    if (!value) return init;
    int64_t count = 0;
    auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), count);
    if (error != std::errc() || end != value->data() + value->size() || count > UINT16_MAX)
      return Refused(fmt::format("bad consensus parameter: \"{}\" isn't a number of peers", *value));
    init.expected = static_cast<uint32_t>(std::max<int64_t>(count, 0));
  } else if (!text.empty()) {
    return Refused(fmt::format("unknown mode: {}", text));
  }
  return init;
}

}  // namespace weave::ipam
