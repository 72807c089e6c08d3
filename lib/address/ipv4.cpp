#include "address/ipv4.hpp"

#include <bit>
#include <charconv>

namespace weave {
namespace {

// A decimal number of 0..max without leading zeros at the head of `text`, which is advanced.
bool take_number(std::string_view& text, unsigned max, unsigned& value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value > max) return false;
  auto length = static_cast<size_t>(end - text.data());
  if (length > 1 && text[0] == '0') return false;
  text.remove_prefix(length);
  return true;
}

}  // namespace

std::string Ipv4::str() const {
  return fmt::format("{}.{}.{}.{}", value >> 24, value >> 16 & 255, value >> 8 & 255, value & 255);
}

Result<Ipv4> Ipv4::parse(std::string_view text) {
  std::string_view rest = text;
  uint32_t value = 0;
  for (int group = 0; group < 4; ++group) {
    unsigned byte = 0;
    bool dot = group == 0;
    if (!dot && rest.starts_with('.')) {
      rest.remove_prefix(1);
      dot = true;
    }
    if (!dot || !take_number(rest, 255, byte)) return Refused(fmt::format("invalid IP address: {}", text));
    value = value << 8 | byte;
  }
  if (!rest.empty()) return Refused(fmt::format("invalid IP address: {}", text));
  return Ipv4{value};
}

Ipv4Range Cidr::range() const {
  uint32_t last = broadcast().value;
  return {network(), {last == UINT32_MAX ? last : last + 1}};
}

Ipv4Range Cidr::host_range() const {
  if (prefix > 30) return range();
  return {network() + 1, broadcast()};
}

std::string Cidr::str() const {
  return fmt::format("{}/{}", address.str(), prefix);
}

Result<Cidr> Cidr::parse(std::string_view text) {
  auto slash = text.find('/');
  auto refused = [&] { return Refused(fmt::format("invalid CIDR address: {}", text)); };
  if (slash == std::string_view::npos) return refused();
  auto address = Ipv4::parse(text.substr(0, slash));
  std::string_view rest = text.substr(slash + 1);
  unsigned prefix = 0;
  if (!address || !take_number(rest, 32, prefix) || !rest.empty()) return refused();
  return Cidr{*address, static_cast<int>(prefix)};
}

std::vector<Cidr> to_cidrs(const std::vector<Ipv4Range>& ranges) {
  std::vector<Cidr> out;
  for (size_t i = 0; i < ranges.size();) {
    auto [start, end] = ranges[i++];
    for (; i < ranges.size() && ranges[i].start == end; ++i) end = ranges[i].end;
    while (start < end) {
      // As large as its first address and the rest of the range allow.
      int zeros = std::min(std::countr_zero(start.value), static_cast<int>(std::bit_width(end - start)) - 1);
      out.push_back({start, 32 - zeros});
      start = start + (uint32_t{1} << zeros);
    }
  }
  return out;
}

}  // namespace weave
