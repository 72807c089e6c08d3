#include "ipam/parse.hpp"

#include <arpa/inet.h>

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

}  // namespace weave::ipam
