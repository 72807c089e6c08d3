// Starting, stopping and removing weave on this host; and the bodies of the processes that it consists of.
//
//   weave launch ── starts ──> monitor ── starts, and again after a crash ──> router ──> DNS server
//                                                                               └────> plugin server
//
// Options reach the monitor and the router through a pipe (descriptor 3), so that no secret is on a command line; both
// tell their readiness through another (descriptor 4).
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "router/options.hpp"

namespace weave::router {

inline constexpr const char* kRunDirectory = "/run/weave";
inline constexpr const char* kLogFile = "/var/log/weave.log";

// Why a launch was refused because something is there already. The exit code is the one that Weave Net uses.
class AlreadyThere : public Error {
 public:
  AlreadyThere(const std::string& message, int exit_code, std::string hint = {})
      : Error(message, std::move(hint)), exit_code_(exit_code) {}
  int exit_code() const noexcept { return exit_code_; }

 private:
  int exit_code_;  // 3: weave runs; 2: a container of Weave Net runs
};

struct Launched {
  std::string service_id;             // 64 hex digits
  std::vector<std::string> warnings;  // sentences for the user
};

// Checks what can be checked, starts the router in the background and returns when it is ready, 30 s at most. Throws
// Error and leaves nothing behind when that fails. Needs root.
Launched launch(Options options);

// Checks likewise, and runs the router in this process until it is told to stop (SIGTERM, SIGINT, `weave stop`); says
// that it is ready by sd_notify. Warnings go to the log. Returns the exit status.
int run_foreground(Options options);

// Bodies of the hidden subcommands; they return the exit status.
int run_monitor_process();
int run_router_process();
int run_dns_process();
int run_plugin_process();

// Waits until no router runs on this host any more, and does something every now and then; false when it still does
// after 15 s.
bool wait_until_stopped(const std::function<void()>& meanwhile = {});

// A router holds the host (it may be starting or stopping).
bool router_holds_host();

// Something of a former launch is stored on this host.
bool has_state(const std::string& state_dir = "/var/lib/weave");

// Removes everything that weave ever made on this host, when no router runs: bridge, interfaces, firewall rules,
// sockets, state, log. Goes on after a failure and throws one Error with all of them. Nothing there: nothing done.
void remove_everything(const std::string& state_dir = "/var/lib/weave");

}  // namespace weave::router
