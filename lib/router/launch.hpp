// Starting weave on this host, and the bodies of the processes that it consists of.
//
//   weave launch ── starts ──> monitor ── starts, and again after a crash ──> router ──> DNS server
//                                                                               └────> plugin server
//
// What the processes pass to each other: supervise/self.hpp.
#pragma once
#include <string>
#include <vector>

#include "settings/settings.hpp"

namespace weave::router {

inline constexpr const char* kLogFile = "/var/log/weave.log";

struct Launched {
  std::string service_id;             // 64 hex digits
  std::vector<std::string> warnings;  // sentences for the user
};

// Checks what can be checked, starts the router in the background and returns when it is ready, 30 s at most. Throws
// Error when that fails; then nothing runs, and what this launch made on the host is removed. Needs root.
Launched launch(settings::Settings settings);

// Checks likewise, and runs the router in this process until it is told to stop (SIGTERM, SIGINT, `weave stop`);
// reports readiness to systemd. Warnings go to the log. Returns the exit status.
int run_foreground(settings::Settings settings);

// Bodies of the hidden subcommands; they return the exit status.
int run_monitor_process();
int run_router_process();
int run_dns_process();
int run_plugin_process();

}  // namespace weave::router
