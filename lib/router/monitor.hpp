// The process that starts the router again when it has crashed.
//
// It is the router's parent, or, if its predecessor was killed, an adopter: the router notices that its monitor is gone
// (their socket pair closes) and starts another, which watches it through a pid descriptor. On the same socket the
// router says that it is ready, and that it stops because somebody wants it to.
#pragma once
#include <string>

#include "base/fd.hpp"

namespace weave::router {

inline constexpr char kRouterReady = 'R', kRouterStops = 'Q';

struct MonitorConfig {
  std::string options;  // of the router, as JSON with secrets
  int adopt = 0;        // pid of a router that runs already; 0: start one
};

std::string to_json(const MonitorConfig& config);
MonitorConfig monitor_config_from_json(std::string_view text);

// Runs until the router ends on purpose (exit status 0), fails to start for the first time, or isn't to be restarted.
// `ready` is handed to the first router, which reports there. `life` is an adopter's end of the socket pair. Returns
// the exit status of the last router.
int run_monitor(const MonitorConfig& config, UniqueFd ready, UniqueFd life);

}  // namespace weave::router
