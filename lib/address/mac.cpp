#include "address/mac.hpp"

#include <algorithm>
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

namespace {

auto no_peer_name(std::string_view text) {
  return Refused(fmt::format("invalid peer name format: \"{}\"", text));
}

}  // namespace

Result<PeerName> PeerName::parse(std::string_view text) {
  std::string full(text);
  if (auto gap = text.find("::"); gap != text.npos) {
    auto front = text.substr(0, gap), back = text.substr(gap + 2);
    auto groups = [](std::string_view part) {
      return part.empty() ? 0 : std::count(part.begin(), part.end(), ':') + 1;
    };
    auto given = groups(front) + groups(back);
    if (given < 1 || given > 4) return no_peer_name(text);
    full = front;
    for (auto missing = 6 - given; missing > 0; --missing) full += full.empty() ? "0" : ":0";
    if (!back.empty()) full.append(":").append(back);
  }
  auto mac = Mac::parse(full);
  if (!mac) return no_peer_name(text);
  return from(*mac);
}

Result<PeerName> PeerName::parse_full(std::string_view text) {
  constexpr size_t length = 17;
  auto mac = Mac::parse(text);
  if (!mac || text.size() != length) return no_peer_name(text);
  return from(*mac);
}

Result<PeerName> PeerName::from_bytes(ByteView bytes) {
  Mac mac;
  if (bytes.size() != mac.bytes.size()) return Refused(fmt::format("a peer name of {} bytes", bytes.size()));
  std::copy(bytes.begin(), bytes.end(), mac.bytes.begin());
  return from(mac);
}

}  // namespace weave
