// The addresses that are in use on this host, by ident and by address, and the containers that have ended.
//
// An ident is a container's full id, "weave:expose" for the bridge, or any other text. The ident "_" stands for a
// container whose id isn't known; its address is filed under the address's own text.
#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ipam/persisted.hpp"

namespace weave::ipam {

inline const std::string kAnonymous = "_";

// The ident under which an address of `ident` is filed.
inline std::string filed_as(const std::string& ident, Ipv4 address) {
  return ident == kAnonymous ? address.str() : ident;
}

class Allocations {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using ByIdent = std::map<std::string, std::vector<Allocation>>;  // each list in the order of acquisition
  // How long a container that ended keeps its addresses: it may be started again.
  static constexpr auto kDeathGrace = std::chrono::seconds(30);

  Allocations() = default;
  explicit Allocations(ByIdent stored);

  const ByIdent& by_ident() const { return by_ident_; }
  std::span<const Allocation> of(const std::string& ident) const;  // empty for an unknown ident
  bool has(const std::string& ident, Ipv4 address) const;
  bool has_container(const std::string& ident) const;
  // The ident under which an address is filed.
  std::optional<std::string> holder(Ipv4 address) const;
  bool contains(Ipv4 address) const { return holders_.contains(address); }
  size_t size() const { return holders_.size(); }  // number of addresses

  void add(const std::string& ident, Allocation allocation);
  // False when the address is filed under another ident, too, and so stays in use.
  bool remove(const std::string& ident, Ipv4 address);
  void mark_container(const std::string& ident, Ipv4 address);
  // Everything of the ident becomes `list`.
  void replace(const std::string& ident, std::vector<Allocation> list);

  // -- Containers that ended. They keep their addresses until the caller removes them.

  void container_died(const std::string& ident, Time now);
  void container_started(const std::string& ident) { died_.erase(ident); }
  bool is_dead(const std::string& ident) const { return died_.contains(ident); }
  // Containers that ended more than kDeathGrace ago.
  std::vector<std::string> expired(Time now) const;

 private:
  ByIdent by_ident_;
  std::map<Ipv4, std::string> holders_;  // the inverse of by_ident_
  std::map<std::string, Time> died_;
};

}  // namespace weave::ipam
