// Live entries by name and by address: what a DNS question asks.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "names/entry.hpp"

namespace weave::names {

// Holds live entries only, and only names that a DNS message can carry. Both look-ups are one hash each.
class Index {
 public:
  // Makes the index say what `entry` says: a live entry is put (or its spelling replaced), a tombstone erases it.
  void apply(const Entry& entry);
  void erase(const Entry& entry);
  void clear();

  struct Target {
    PeerName origin;
    std::string container;
    Ipv4 address;
    bool operator==(const Target&) const = default;
    auto operator<=>(const Target&) const = default;
  };
  // The addresses of a name, given canonically (lower case, trailing dot), in state order: origin, container, address.
  // Empty when there is no such name. Valid until the next change.
  std::span<const Target> lookup(std::string_view canonical_name) const;
  // The name of an address as its owner spells it: one registered by hand, else the first in state order; empty when
  // the address isn't known.
  std::string_view reverse(Ipv4 address) const;

  // How many live entries there are.
  size_t size() const { return size_; }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
  };
  struct Name {
    std::string name;  // canonical
    PeerName origin;
    std::string container;
    std::string spelling;
    bool by_hand = false;
  };
  std::unordered_map<std::string, std::vector<Target>, Hash, std::equal_to<>> by_name_;
  std::unordered_map<Ipv4, std::vector<Name>> by_address_;
  size_t size_ = 0;
};

}  // namespace weave::names
