// The settings of the last launch on this host, for commands that need them when no router runs: `launch --resume`,
// `reset`, `ps`, `bridge-type`, `attach-bridge`.
//
// The router stores them in its state directory at each start. The password isn't among them, only the path of its
// file. /run/weave/state-dir names the state directory of a launch that used another one than the default; it is gone
// after a reboot, and then --state-dir has to name the directory again.
#pragma once
#include <optional>
#include <string>

#include "settings/settings.hpp"
#include "store/store.hpp"

namespace weave::router {

void store_launch(Store& store, const settings::Settings& settings);

// The state directory of the last launch, by default /var/lib/weave.
std::string last_state_dir();
// Nothing when there was no launch since the state was removed, or its state can't be read (this takes root).
std::optional<settings::Settings> last_launch(const std::string& state_dir);
// The same with the defaults in place of nothing.
settings::Settings last_launch_or_defaults(const std::string& state_dir = last_state_dir());

}  // namespace weave::router
