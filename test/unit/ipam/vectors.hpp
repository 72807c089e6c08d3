// The golden data of Weave Net as values of ipam.
#pragma once
#include "ipam/ring.hpp"
#include "unit/vectors.hpp"

namespace weave::ipam {

using Json = nlohmann::json;
using test::unhex, test::vectors;

inline std::string text(const Json& json) {
  return json.get<std::string>();
}

// Why it was refused; empty when it wasn't.
template <class T>
std::string reason(const Result<T>& result) {
  return result ? std::string() : result.error();
}

inline Ipv4 ip(const std::string& text) {
  return Ipv4::parse(text).value();
}
inline PeerName peer(const std::string& text) {
  return PeerName::parse(text).value();
}
inline Cidr cidr(const std::string& text) {
  return Cidr::parse(text).value();
}

// "10.0.0.0-10.0.1.0", the end exclusive.
inline Ipv4Range range(const std::string& text) {
  auto dash = text.find('-');
  return {ip(text.substr(0, dash)), ip(text.substr(dash + 1))};
}

inline std::vector<Ipv4Range> ranges(const Json& list) {
  std::vector<Ipv4Range> out;
  for (const auto& text : list) out.push_back(range(text));
  return out;
}

inline std::vector<Entry> entries(const Json& list) {
  std::vector<Entry> out;
  for (const auto& e : list) out.push_back({ip(e["Token"]), peer(e["Peer"]), e["Version"], e["Free"]});
  return out;
}

inline std::vector<PeerName> peers(const Json& list) {
  std::vector<PeerName> out;
  for (const auto& text : list) out.push_back(peer(text));
  return out;
}

inline Result<Ring> ring(const Json& r) {
  return Ring::assemble({ip(r["Start"]), ip(r["End"])}, peer(r["Peer"]), entries(r["Entries"]), peers(r["Seeds"]));
}

}  // namespace weave::ipam
