// Address pools of Docker networks: their ids, and the choice of one when the user names none. Pure functions.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address/ipv4.hpp"

namespace weave::plugin {

// `subnet` gives addresses their prefix length; addresses are allocated within `range`, a part of it (--ip-range).
struct PoolId {
  Cidr subnet, range;

  auto operator<=>(const PoolId&) const = default;
  // "weave-10.32.0.0/12-10.32.0.0/12". Docker stores it: the format is Weave Net's and stays.
  std::string str() const;
  // Also "weavepool", an id of old releases: the default subnet.
  static Result<PoolId> parse(std::string_view text, const Cidr& default_subnet);
};

// The pool for a request that names `pool` (and `sub_pool`, or empty): host bits are cleared. Refused, with a text for
// the user: not IPv4, smaller than 4 addresses, sub_pool not within pool, no overlap with `allocation_range`.
Result<PoolId> request_pool(std::string_view pool, std::string_view sub_pool, const Cidr& allocation_range);

// A subnet for a network whose user names none: `default_subnet`, or else its first part of 256 addresses (or a
// quarter, if it is smaller) that overlaps neither `taken` nor `routes`. Docker asks again as long as the answer
// overlaps something on the host that it knows of and holds the pools that it refused, so one that is out may never be
// answered again. Nothing when no subnet is left.
std::optional<Cidr> choose_subnet(const Cidr& default_subnet, const std::vector<Cidr>& taken,
                                  const std::vector<Cidr>& routes);

}  // namespace weave::plugin
