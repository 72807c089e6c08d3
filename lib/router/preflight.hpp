// What can be checked before anything is touched.
#pragma once
#include <string>
#include <vector>

#include "router/options.hpp"

namespace weave::router {

// Throws Error (supervise::AlreadyRunning for a router that runs) when this host can't be launched on with these
// options; answers warnings. With `options.foreground` a Docker that isn't there yet is no error.
std::vector<std::string> preflight(const Options& options);

}  // namespace weave::router
