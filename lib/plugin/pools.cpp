#include "plugin/pools.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace weave::plugin {
namespace {

constexpr std::string_view kPrefix = "weave-";
constexpr int kSmallest = 30;  // prefix of the smallest subnet that the allocator serves

Result<Cidr> parse_subnet(std::string_view text) {
  if (text.find(':') != text.npos)
    return Refused(fmt::format("{} is an IPv6 subnet; Weave networks have IPv4 addresses only", text));
  auto cidr = Cidr::parse(text);
  if (!cidr) return Refused(fmt::format("subnet {}: {}", text, cidr.error()));
  if (cidr->prefix > kSmallest || cidr->prefix == 0)
    return Refused(fmt::format("subnet {}: the prefix length must be 1 to {}", text, kSmallest));
  return cidr->masked();
}

}  // namespace

std::string PoolId::str() const {
  return fmt::format("{}{}-{}", kPrefix, subnet.str(), range.str());
}

Result<PoolId> PoolId::parse(std::string_view text, const Cidr& default_subnet) {
  if (text == "weavepool") return PoolId{default_subnet, default_subnet};
  auto refused = [&] { return Refused(fmt::format("unrecognized pool id {}", text)); };
  if (!text.starts_with(kPrefix)) return refused();
  auto rest = text.substr(kPrefix.size());
  auto dash = rest.find('-');
  if (dash == rest.npos) return refused();
  auto subnet = Cidr::parse(rest.substr(0, dash));
  auto range = Cidr::parse(rest.substr(dash + 1));
  if (!subnet || !range) return refused();
  return PoolId{subnet->masked(), range->masked()};
}

Result<PoolId> request_pool(std::string_view pool, std::string_view sub_pool, const Cidr& allocation_range) {
  auto subnet = parse_subnet(pool);
  if (!subnet) return Refused(subnet.error());
  PoolId id{*subnet, *subnet};
  if (!sub_pool.empty()) {
    auto range = parse_subnet(sub_pool);
    if (!range) return Refused(range.error());
    if (range->prefix < subnet->prefix || !subnet->contains(range->address))
      return Refused(fmt::format("IP range {} isn't inside subnet {}", range->str(), subnet->str()));
    id.range = *range;
  }
  if (!id.range.overlaps(allocation_range))
    return Refused(
        fmt::format("subnet {} is outside Weave's allocation range {}: choose one inside, or launch Weave with "
                    "an --ipalloc-range that includes it",
                    id.range.str(), allocation_range.str()));
  return id;
}

std::optional<Cidr> choose_subnet(const Cidr& default_subnet, const std::vector<Cidr>& taken,
                                  const std::vector<Cidr>& routes) {
  auto overlaps = [](const std::vector<Cidr>& list, const Cidr& subnet) {
    return std::any_of(list.begin(), list.end(), [&](const Cidr& other) { return other.overlaps(subnet); });
  };
  const Cidr whole = default_subnet.masked();
  if (std::find(taken.begin(), taken.end(), whole) == taken.end() && !overlaps(routes, whole)) return whole;
  const int prefix = std::max(24, std::min(whole.prefix + 2, kSmallest));
  if (prefix <= whole.prefix) return std::nullopt;
  // Pools that hold the whole subnet overlap every part of it, and don't forbid them: the allocator keeps addresses
  // apart.
  std::vector<Cidr> parts;
  std::copy_if(taken.begin(), taken.end(), std::back_inserter(parts),
               [&](const Cidr& other) { return !(other.prefix <= whole.prefix && other.contains(whole.address)); });
  const uint64_t step = uint64_t{1} << (32 - prefix);
  const uint64_t end = uint64_t{whole.address.value} + (uint64_t{1} << (32 - whole.prefix));
  for (uint64_t at = whole.address.value; at < end; at += step) {
    const Cidr part{{static_cast<uint32_t>(at)}, prefix};
    if (!overlaps(parts, part) && !overlaps(routes, part)) return part;
  }
  return std::nullopt;
}

}  // namespace weave::plugin
