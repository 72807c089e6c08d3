// Entries from the vectors, and how they are printed when a test fails.
#pragma once
#include <nlohmann/json.hpp>
#include <ostream>

#include "names/entry.hpp"

namespace weave::names {

inline std::ostream& operator<<(std::ostream& out, const Entry& e) {
  return out << e.hostname << ' ' << e.origin.str() << ' ' << e.container << ' ' << e.address.str() << " v" << e.version
             << " t" << e.tombstone;
}

inline Entries entries_from(const nlohmann::json& list) {
  Entries entries;
  if (list.is_null()) return entries;
  for (const auto& e : list)
    entries.push_back({e.at("Hostname").get<std::string>(), PeerName::parse(e.at("Origin").get<std::string>()).value(),
                       e.at("ContainerID").get<std::string>(), Ipv4::parse(e.at("Addr").get<std::string>()).value(),
                       e.at("Version").get<int64_t>(), e.at("Tombstone").get<int64_t>()});
  return entries;
}

}  // namespace weave::names
