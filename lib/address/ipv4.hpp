// IPv4 addresses, CIDRs and ranges: plain values, ordered, in host byte order.
#pragma once
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace weave {

struct Ipv4 {
  uint32_t value = 0;  // host byte order: 10.32.0.1 is 0x0a200001

  auto operator<=>(const Ipv4&) const = default;
  Ipv4 operator+(uint32_t offset) const { return {value + offset}; }
  uint32_t operator-(Ipv4 other) const { return value - other.value; }
  std::string str() const;

  // Four decimal groups of 0..255, nothing else; groups with leading zeros are refused.
  static Result<Ipv4> parse(std::string_view text);
};

// Half-open: start <= address < end. An empty range has start == end. The top address 255.255.255.255 can't be inside.
struct Ipv4Range {
  Ipv4 start, end;

  auto operator<=>(const Ipv4Range&) const = default;
  uint32_t size() const { return end - start; }
  bool contains(Ipv4 address) const { return address >= start && address < end; }
  bool contains(const Ipv4Range& other) const { return other.start >= start && other.end <= end; }
  bool overlaps(const Ipv4Range& other) const { return start < other.end && other.start < end; }
};

// An address with a prefix length; the host part is kept (10.32.0.5/12 stays so).
struct Cidr {
  Ipv4 address;
  int prefix = 32;  // 0..32

  auto operator<=>(const Cidr&) const = default;
  uint32_t mask() const { return prefix == 0 ? 0 : ~uint32_t{0} << (32 - prefix); }
  Ipv4 network() const { return {address.value & mask()}; }
  Ipv4 broadcast() const { return {address.value | ~mask()}; }
  Cidr masked() const { return {network(), prefix}; }
  bool contains(Ipv4 other) const { return (other.value & mask()) == network().value; }
  bool overlaps(const Cidr& other) const {
    return prefix <= other.prefix ? contains(other.address) : other.contains(address);
  }
  // Every address of the subnet; prefix 0 and blocks that end at 255.255.255.255 lose the top address.
  Ipv4Range range() const;
  // The addresses that may be given out: without network and broadcast address for prefixes up to 30.
  Ipv4Range host_range() const;
  std::string str() const;

  // "10.32.0.0/12"; the prefix is required.
  static Result<Cidr> parse(std::string_view text);
};

// The fewest subnets that cover the ranges and nothing else, ascending. `ranges` are ascending and don't overlap;
// neighbours are taken together.
std::vector<Cidr> to_cidrs(const std::vector<Ipv4Range>& ranges);

}  // namespace weave

template <>
struct std::hash<weave::Ipv4> {
  size_t operator()(weave::Ipv4 address) const noexcept { return std::hash<uint32_t>()(address.value); }
};
