// The golden data of Weave Net as values of mesh.
#pragma once
#include "mesh/peer.hpp"
#include "unit/vectors.hpp"

namespace weave::mesh {

using Json = nlohmann::json;
using test::unhex, test::vectors;

inline PeerName peer_name(const Json& json) {
  return PeerName::parse(json.get<std::string>()).value();
}
template <class T>
std::string reason(const Result<T>& result) {
  return result ? std::string() : result.error();
}

inline Peer peer(const Json& json) {
  Peer peer{peer_name(json.at("Name")), json.at("NickName"), json.at("UID"), json.at("Version"), {}, {}};
  if (json.at("HasShortID").get<bool>()) peer.short_id = json.at("ShortID").get<ShortId>();
  if (json.at("Conns").is_null()) return peer;
  for (const auto& c : json.at("Conns"))
    peer.links.push_back({peer_name(c.at("To")), c.at("Addr"), c.at("Outbound"), c.at("Established")});
  std::sort(peer.links.begin(), peer.links.end(), [](const Link& a, const Link& b) { return a.to < b.to; });
  return peer;
}
inline std::vector<Peer> peers(const Json& json) {
  std::vector<Peer> list;
  if (json.is_null()) return list;
  for (const auto& p : json) list.push_back(peer(p));
  return list;
}

inline std::ostream& operator<<(std::ostream& out, const Peer& p) {
  out << p.str() << " uid " << p.uid << " v" << p.version << " short " << (p.short_id ? int(*p.short_id) : -1) << " [";
  for (const auto& l : p.links)
    out << ' ' << l.to.str() << (l.outbound ? "->" : "<-") << l.address << (l.established ? "+" : "-");
  return out << " ]";
}

}  // namespace weave::mesh
