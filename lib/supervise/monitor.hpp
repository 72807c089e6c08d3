// The process that starts the router again when it has crashed.
//
// It is the router's parent, or adopts a running router when its predecessor was killed: the router notices that its
// monitor is gone (their socket pair closes) and starts another one, which watches it through a pid descriptor. On that
// socket the router says that it is ready, and that it is stopping on request.
//
// A requested stop wins over any start: SIGTERM or SIGINT to the monitor, or to the router in whatever phase of its
// life, ends both. The monitor holds a lock of its own (lock.hpp), so that a stop finds it while there is no router.
#pragma once
#include <string>

#include "base/fd.hpp"

namespace weave::supervise {

// What the router writes to the monitor's socket.
inline constexpr char kRouterReady = 'R', kRouterStops = 'Q';

struct MonitorConfig {
  std::string router;   // the router's configuration, as JSON with secrets
  bool restart = true;  // start the router again after a crash
  int adopt = 0;        // pid of a router that runs already; 0: start one
};

// For the pipe to the monitor. The reader throws Error.
std::string to_json(const MonitorConfig& config);
MonitorConfig monitor_config_from_json(std::string_view text);

// Runs until the router ends on purpose (exit status 0), fails to start for the first time, or isn't to be restarted.
// `ready` is handed to the first router, which reports there. `life` is an adopter's end of the socket pair. Returns
// the exit status of the last router.
int run_monitor(const MonitorConfig& config, UniqueFd ready, UniqueFd life);

}  // namespace weave::supervise
