// Where a router's name comes from when none is given.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "address/mac.hpp"

namespace weave::host {

// The name derived from system ids: six bytes of a salted SHA-256 as a unicast, locally administered MAC. Pure.
PeerName name_of_ids(std::string_view ids);

// The name of this machine by machine-id and product UUID, byte for byte; nothing when it has neither. `root` stands
// before the paths. Throws Error when an id exists and can't be read.
std::optional<PeerName> system_peer_name(const std::string& root = {});

// What tells this machine from a copy of its disk in another one: derived from the machine-id alone; empty without one.
std::string machine_mark(const std::string& root = {});

// The MAC of the bridge when there is one, as it carries the name over restarts; else the system's name.
std::optional<PeerName> peer_name(const std::string& bridge = "weave");

}  // namespace weave::host
