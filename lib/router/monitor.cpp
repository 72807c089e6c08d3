#include "router/monitor.hpp"

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
#include "router/options.hpp"
#include "router/service.hpp"

namespace weave::router {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;
using Steady = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kShortest = 100ms, kLongest = 30000ms;
constexpr auto kHealthy = 60s;

struct Ended {
  bool asked = false;  // we were told to stop
  int status = 1;      // as a shell says it; of an adopted router unknown
};

// Waits for the end of a process, ours or adopted; SIGTERM and SIGINT are passed on to it.
Ended wait_for(pid_t pid, bool adopted, int signals) {
  Ended ended;
  // Without pid descriptors (before Linux 5.3) a look every second has to do.
  UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  for (;;) {
    pollfd fds[2] = {{signals, POLLIN, 0}, {handle.get(), POLLIN, 0}};
    ::poll(fds, 2, handle ? -1 : 1000);
    if (fds[0].revents) {
      signalfd_siginfo info{};
      if (::read(signals, &info, sizeof info) == sizeof info && info.ssi_signo != SIGCHLD) {
        ended.asked = true;
        ::kill(pid, SIGTERM);
      }
    }
    if (adopted) {
      if (handle ? fds[1].revents != 0 : ::kill(pid, 0) != 0) return ended;
      continue;
    }
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) == pid) {
      ended.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
      return ended;
    }
  }
}

// What a router that is gone has said on its life socket.
bool has_said(const UniqueFd& life, char word) {
  char said[16];
  ssize_t got = ::recv(life.get(), said, sizeof said, MSG_PEEK | MSG_DONTWAIT);
  return got > 0 && std::find(said, said + got, word) != said + got;
}

// A pause that a signal ends; true when it was one to stop.
bool told_to_stop_within(std::chrono::milliseconds pause, int signals) {
  pollfd fd{signals, POLLIN, 0};
  auto end = Steady::now() + pause;
  for (;;) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Steady::now()).count();
    if (left <= 0 || ::poll(&fd, 1, static_cast<int>(left)) <= 0) return false;
    signalfd_siginfo info{};
    if (::read(signals, &info, sizeof info) == sizeof info && info.ssi_signo != SIGCHLD) return true;
  }
}

}  // namespace

std::string to_json(const MonitorConfig& config) {
  return Json{{"options", config.options}, {"adopt", config.adopt}}.dump();
}

MonitorConfig monitor_config_from_json(std::string_view text) {
  try {
    auto json = Json::parse(text);
    return {json.at("options"), json.at("adopt")};
  } catch (const Json::exception& error) {
    throw Error(std::string("cannot read the configuration of the monitor: ") + error.what());
  }
}

int run_monitor(const MonitorConfig& config, UniqueFd ready, UniqueFd life) {
  const auto options = options_from_json(config.options);
  sigset_t handled;
  sigemptyset(&handled);
  for (int signal : {SIGCHLD, SIGTERM, SIGINT}) sigaddset(&handled, signal);
  ::sigprocmask(SIG_BLOCK, &handled, nullptr);
  UniqueFd signals(::signalfd(-1, &handled, SFD_CLOEXEC));
  if (!signals) throw errno_error("cannot wait for signals");

  pid_t pid = config.adopt;
  bool adopted = pid != 0, has_been_ready = adopted;
  auto pause = kShortest;
  for (;;) {
    auto began = Steady::now();
    if (!adopted) {
      int ends[2];
      if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        throw errno_error("cannot make a socket pair");
      life.reset(ends[0]);
      UniqueFd theirs(ends[1]);
      std::vector<std::pair<int, int>> fds{{kLifeFd, theirs.get()}};
      if (ready) fds.emplace_back(kReadyFd, ready.get());
      pid = spawn_self("router", config.options, fds);
      ready.reset();
    }
    auto ended = wait_for(pid, adopted, signals.get());
    has_been_ready = has_been_ready || has_said(life, kRouterReady);
    if (ended.asked || has_said(life, kRouterStops) || !options.restart) return adopted ? 0 : ended.status;
    // The launch has failed, and its user was told.
    if (!has_been_ready) return ended.status;
    adopted = false;
    log::error("the router has died, starting it again: reason=exit {}", ended.status);
    if (Steady::now() - began > kHealthy) pause = kShortest;
    if (told_to_stop_within(pause, signals.get())) return 0;
    pause = std::min(pause * 2, kLongest);
  }
}

}  // namespace weave::router
