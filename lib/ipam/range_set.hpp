// A set of addresses, kept as disjoint runs that never touch.
#pragma once
#include <map>
#include <optional>
#include <vector>

#include "address/ipv4.hpp"

namespace weave::ipam {

class RangeSet {
 public:
  bool operator==(const RangeSet&) const = default;

  // Empty ranges change nothing; adding what is there or removing what isn't is no error.
  void add(Ipv4Range range);
  void remove(Ipv4Range range);
  void clear();

  bool contains(Ipv4 address) const;
  // Number of addresses, in all or within a range.
  uint32_t size() const { return size_; }
  uint32_t size(Ipv4Range range) const;
  // The lowest address within a range.
  std::optional<Ipv4> first(Ipv4Range range) const;
  // Maximal runs in ascending order, all or cut to a range.
  std::vector<Ipv4Range> runs() const;
  std::vector<Ipv4Range> runs(Ipv4Range range) const;

 private:
  // The first run that ends after `address`.
  std::map<Ipv4, Ipv4>::const_iterator reaching(Ipv4 address) const;

  std::map<Ipv4, Ipv4> runs_;  // start → end, exclusive
  uint32_t size_ = 0;
};

}  // namespace weave::ipam
