// Inside the allocator: a change of its state that happens as a whole or not at all.
#pragma once
#include "ipam/allocator.hpp"

namespace weave::ipam {

inline const std::string kAnonymous = "_";

// Where an address of `ident` is filed.
inline std::string filed_as(const std::string& ident, Ipv4 address) {
  return ident == kAnonymous ? address.str() : ident;
}

inline auto refuse(std::string text, Refusal::Kind kind = Refusal::Kind::kRefused) {
  return tl::unexpected(Refusal{kind, std::move(text)});
}

// As people read it: the last address included.
inline std::string range_text(Ipv4Range range) {
  return fmt::format("{}-{}", range.start.str(), (range.end + UINT32_MAX).str());
}

// Without commit(), or when saving fails, everything is as before.
class Allocator::Work {
 public:
  explicit Work(Allocator& a) : a_(a), ring_(a.ring_), left_(a.left_), free_before_(a.space_.free_count()) {}
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  ~Work() {
    if (!done_) roll_back();
  }

  // The caller has taken the address from the space, if it lies in the range.
  void file(const std::string& ident, Held held);
  void taken(Ipv4 address) { taken_.push_back(address); }
  void mark_container(const std::string& ident, Ipv4 address);
  // `give_back`: the address becomes free in the space as well.
  void unfile(const std::string& ident, Ipv4 address, bool give_back = true);
  // The ring's ranges become those of the space.
  void ring_changed();
  // The caller has taken a range from the space, and the ring is still to say so.
  void space_changed() { other_ranges_ = true; }

  // Counts what is free, saves, and notes what the others and those who wait have to be told.
  void commit();

 private:
  void touch(const std::string& ident);
  void roll_back();

  Allocator& a_;
  Ring ring_;
  std::optional<std::vector<PeerName>> left_;
  uint32_t free_before_;
  std::map<std::string, std::vector<Held>> before_;  // of the idents touched
  std::vector<Ipv4> taken_, freed_;
  bool other_ranges_ = false;
  bool done_ = false;
};

}  // namespace weave::ipam
