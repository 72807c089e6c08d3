// What can be checked before anything is touched.
#pragma once
#include <string>
#include <vector>

#include "settings/settings.hpp"

namespace weave::router {

// Throws Error (supervise::AlreadyRunning for a router that runs) when this host can't be launched on with these
// settings; returns warnings. With `settings.foreground` a Docker that isn't there yet is no error.
std::vector<std::string> preflight(const settings::Settings& settings);

}  // namespace weave::router
