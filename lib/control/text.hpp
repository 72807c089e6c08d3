// The status texts, exactly as Weave Net prints them (scripts parse them), with a fixed order where it has none:
// peers and owners by name with ourselves first, connections by state then address.
#pragma once
#include <string>

#include "control/report.hpp"

namespace weave::control {

// A target that turned out to be this host, as with one list of all hosts for each of them. It is listed, as by Weave
// Net, but not counted: nothing is wrong.
inline constexpr std::string_view kOwnAddress = "cannot connect to ourself";
bool is_own_address(const Connection& connection);

// GET /status: blocks of "label: value", the colon in column 16. The plugin's block has the words of 1.x ("plugin"); a
// service whose state isn't "running" gets a line "Status: <state>".
std::string status(const Report& report);
// One target per line, as given.
std::string status_targets(const Report& report);
// Arrow, address, state, info, attributes (separated by a blank, which Weave Net forgets), and in parentheses the
// reason why a connection isn't on the fast path, since when.
std::string status_connections(const Report& report);
// Each peer, and below it its connections.
std::string status_peers(const Report& report);
// Name, address, container id, origin of every live entry; empty when DNS is off.
std::string status_dns(const Report& report);
// Addresses per owner, and a line for each thing that is wrong; empty when IPAM is off or has no ring.
std::string status_ipam(const Report& report);
// Ours: a block like those of status() about the plugin server; empty when it is off.
std::string status_plugin(const Report& report);

// Connection::info as Weave Net writes it. Of a connection with a peer: "encrypted   sleeve <peer>(<nickname>)",
// without the first word when no password is set (`encrypted` is nothing).
std::string connected_info(std::optional<bool> encrypted, std::string_view overlay, PeerName peer,
                           std::string_view nickname);
// Of a target without a connection; `state` as mesh::Maker has it. "<reason>, retry: 2026-11-23 20:36:11 +0000 UTC",
// "until: <time>", or the reason.
std::string target_info(std::string_view state, std::string_view reason, std::optional<WallTime> retry_at);

// "version check update disabled" and so on, times local.
std::string version_check_text(const VersionCheck& check);
// The value of "Status:" in the ipam block.
std::string ipam_state(const Ipam& ipam);

}  // namespace weave::control
