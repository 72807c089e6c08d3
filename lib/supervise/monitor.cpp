#include "supervise/monitor.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "supervise/backoff.hpp"
#include "supervise/lock.hpp"
#include "supervise/self.hpp"

namespace weave::supervise {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;
using Steady = std::chrono::steady_clock;
constexpr auto kLongestPause = 30s;  // before a restart
constexpr auto kHealthy = 60s;       // of life, after which the pause is short again
constexpr auto kStopLimit = 10s;     // for a router that was told to stop; then it is killed

struct Ended {
  bool asked = false;  // a stop was requested
  int status = 1;      // as a shell shows it; unknown for an adopted router
};

// Reads one signal; true when it requests a stop.
bool read_stop(int signals) {
  signalfd_siginfo info{};
  return ::read(signals, &info, sizeof info) == sizeof info && info.ssi_signo != SIGCHLD;
}

// Waits for the end of a process, a child or an adopted one. A requested stop is passed on to it.
Ended wait_for(pid_t pid, bool adopted, int signals) {
  Ended ended;
  auto deadline = Steady::time_point::max();
  // Without pid descriptors (before Linux 5.3) the process is polled every second.
  UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  for (;;) {
    pollfd fds[2] = {{signals, POLLIN, 0}, {handle.get(), POLLIN, 0}};
    ::poll(fds, 2, handle && !ended.asked ? -1 : 1000);
    if (fds[0].revents && read_stop(signals)) {
      ended.asked = true;
      deadline = std::min(deadline, Steady::now() + kStopLimit);
      ::kill(pid, SIGTERM);
    }
    if (Steady::now() > deadline) {
      log::error("the router did not stop, killing it: pid={}", pid);
      ::kill(pid, SIGKILL);
      deadline = Steady::time_point::max();
    }
    if (adopted) {
      if (handle ? fds[1].revents != 0 : ::kill(pid, 0) != 0) return ended;
      continue;
    }
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) == pid) {
      ended.status = shell_status(status);
      // A router that is still too young to handle these signals dies of them.
      if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGINT)) ended.asked = true;
      return ended;
    }
  }
}

// Whether a router that has ended had written `word` to its socket.
bool has_said(const UniqueFd& life, char word) {
  char said[16];
  ssize_t got = ::recv(life.get(), said, sizeof said, MSG_PEEK | MSG_DONTWAIT);
  return got > 0 && std::find(said, said + got, word) != said + got;
}

// Waits; true as soon as a stop is requested.
bool stop_requested_within(std::chrono::milliseconds pause, int signals) {
  pollfd fd{signals, POLLIN, 0};
  auto end = Steady::now() + pause;
  for (;;) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Steady::now()).count();
    if (left <= 0 || ::poll(&fd, 1, static_cast<int>(left)) <= 0) return false;
    if (read_stop(signals)) return true;
  }
}

}  // namespace

std::string to_json(const MonitorConfig& config) {
  return Json{{"router", config.router}, {"restart", config.restart}, {"adopt", config.adopt}}.dump();
}

MonitorConfig monitor_config_from_json(std::string_view text) {
  try {
    auto json = Json::parse(text);
    return {json.at("router"), json.at("restart"), json.at("adopt")};
  } catch (const Json::exception& error) {
    throw Error(std::string("cannot read the configuration of the monitor: ") + error.what());
  }
}

int run_monitor(const MonitorConfig& config, UniqueFd ready, UniqueFd life) {
  sigset_t handled;
  sigemptyset(&handled);
  for (int signal : {SIGCHLD, SIGTERM, SIGINT}) sigaddset(&handled, signal);
  ::sigprocmask(SIG_BLOCK, &handled, nullptr);
  UniqueFd signals(::signalfd(-1, &handled, SFD_CLOEXEC));
  if (!signals) throw errno_error("cannot wait for signals");
  auto lock = lock_monitor();
  // A predecessor that was killed may not be quite gone.
  for (int i = 0; !lock && i < 20; ++i) {
    if (stop_requested_within(50ms, signals.get())) return 0;
    lock = lock_monitor();
  }

  pid_t pid = config.adopt;
  bool adopted = pid != 0, has_been_ready = adopted;
  Backoff backoff(kLongestPause, kHealthy);
  for (;;) {
    auto began = Steady::now();
    if (!adopted) {
      SocketPair pair;
      life = std::move(pair.ours);
      std::vector<std::pair<int, int>> fds{{kLifeFd, pair.theirs.get()}};
      if (ready) fds.emplace_back(kReadyFd, ready.get());
      pid = spawn_self("router", config.router, fds);
      ready.reset();
    }
    auto ended = wait_for(pid, adopted, signals.get());
    has_been_ready = has_been_ready || has_said(life, kRouterReady);
    if (ended.asked || has_said(life, kRouterStops)) return 0;
    // A first launch that failed has told its user.
    if (!config.restart || !has_been_ready) return adopted ? 0 : ended.status;
    adopted = false;
    log::error("the router has died, restarting it: status={}", ended.status);
    if (stop_requested_within(backoff.next(Steady::now() - began), signals.get())) return 0;
  }
}

}  // namespace weave::supervise
