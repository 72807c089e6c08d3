// Who runs on this host: the router and its monitor each hold a lock on a file under /run/weave as long as they live.
// The kernel releases it with the process, however that ends.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace weave::supervise {

inline constexpr const char* kRunDirectory = "/run/weave";

// A launch is refused because something is there already.
class AlreadyRunning : public Error {
 public:
  enum class What { kRouter, kForeignContainer };
  AlreadyRunning(What what, const std::string& message, std::string hint = {})
      : Error(message, std::move(hint)), what_(what) {}
  What conflict() const noexcept { return what_; }

 private:
  What what_;
};

// Lets the group docker use a file: its members may talk to Docker and so are root on this host anyway.
void give_to_docker_group(const std::string& path);

// The error of a launch when weave runs on this host.
AlreadyRunning already_running();

// The lock that allows one router per host. Throws AlreadyRunning when another router holds it, Error when it cannot be
// taken. Members of the group docker may look at it.
UniqueFd lock_host();

// The monitor's lock, with its pid inside the file. Empty when another monitor holds it.
UniqueFd lock_monitor();

// Whether a router holds the host lock (it may be starting or stopping).
bool router_runs();
// The pid of the monitor that holds the monitor's lock.
std::optional<pid_t> running_monitor();
// Whether a router runs, or a monitor that will start one again.
bool weave_runs();

// What is known of weave on this host when its router doesn't listen.
enum class State {
  kStopped,     // no process of it
  kStarting,    // a router that doesn't listen yet, or any more
  kRestarting,  // the router has crashed, and its monitor will start another one
  kUnknown,     // this user may not look
};
State state_without_listener();

// Asks the monitor to end, and the router with it, or not to start one again: SIGTERM. False when no monitor runs, or
// this user may not signal it.
bool stop_monitor();
// Ends monitor and router by force, whatever state they are in. False when there was none.
bool kill_weave();

// Polls every 5 ms until neither router nor monitor runs; calls `meanwhile` between two polls. False when one still
// runs after `limit`.
bool wait_until_stopped(std::chrono::milliseconds limit, const std::function<void()>& meanwhile = {});

}  // namespace weave::supervise
