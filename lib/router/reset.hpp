// Removing weave from this host.
#pragma once
#include <string>

#include "host/firewall.hpp"
#include "settings/settings.hpp"

namespace weave::router {

// The firewall rules that a launch with these settings needs, without those about its part of the range. Reads the
// address of Docker's bridge from the kernel.
host::FirewallConfig firewall_config(const settings::Settings& settings);

// Whether something of a former launch is on this host: state, or the bridge.
bool has_state(const std::string& state_dir);

// Removes everything that weave made on this host while no router runs, by the settings of the last launch: firewall
// rules, bridge, interfaces, sockets, state, log. Goes on after a failure and throws one Error with all of them. Does
// nothing where nothing is.
void remove_everything(const std::string& state_dir);

}  // namespace weave::router
