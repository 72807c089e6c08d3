#include "address/mac.hpp"

#include <charconv>

namespace weave {

std::string Mac::str() const {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4],
                     bytes[5]);
}

Result<Mac> Mac::parse(std::string_view text) {
  Mac mac;
  std::string_view rest = text;
  for (size_t i = 0; i < 6; ++i) {
    if (i > 0) {
      if (!rest.starts_with(':')) return Refused(fmt::format("invalid MAC address: {}", text));
      rest.remove_prefix(1);
    }
    auto group = rest.substr(0, 2);
    auto [end, error] = std::from_chars(group.data(), group.data() + group.size(), mac.bytes[i], 16);
    if (error != std::errc()) return Refused(fmt::format("invalid MAC address: {}", text));
    rest.remove_prefix(static_cast<size_t>(end - group.data()));
  }
  if (!rest.empty()) return Refused(fmt::format("invalid MAC address: {}", text));
  return mac;
}

std::string PeerName::str() const {
  return mac().str();
}

Mac PeerName::mac() const {
  Mac mac;
  for (size_t i = 0; i < 6; ++i) mac.bytes[i] = static_cast<uint8_t>(value >> (40 - 8 * i));
  return mac;
}

PeerName PeerName::from(const Mac& mac) {
  PeerName name;
  for (uint8_t byte : mac.bytes) name.value = name.value << 8 | byte;
  return name;
}

Result<PeerName> PeerName::parse(std::string_view text) {
  // "::" once, for as many groups of zeros as are missing.
  auto gap = text.find("::");
  if (gap == text.npos) return Mac::parse(text).map(&PeerName::from);
  auto before = text.substr(0, gap), after = text.substr(gap + 2);
  auto groups = [](std::string_view part) { return part.empty() ? 0 : 1 + std::ranges::count(part, ':'); };
  auto missing = 6 - groups(before) - groups(after);
  if (missing < 1) return Refused(fmt::format("invalid MAC address: {}", text));
  std::string full(before);
  for (; missing > 0; --missing) full += full.empty() ? "0" : ":0";
  if (!after.empty()) full += ":" + std::string(after);
  return Mac::parse(full).map(&PeerName::from);
}

}  // namespace weave
