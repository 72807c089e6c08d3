// The bodies of weave's processes.
#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <iostream>

#include "base/log.hpp"
#include "router/launch.hpp"
#include "router/preflight.hpp"
#include "router/router.hpp"
#include "supervise/monitor.hpp"
#include "supervise/ready.hpp"
#include "supervise/self.hpp"
#include "supervise/systemd.hpp"

namespace weave::router {
namespace {

using supervise::kConfigFd;
using supervise::kLifeFd;
using supervise::kReadyFd;

// After this time a router that is stopping is ended, whatever it waits for.
constexpr unsigned kEndWithin = 8;  // seconds

// The router's process around class Router: reports readiness, handles signals, and watches the monitor.
//
//   starting ── ready ──> running ── stop requested ──> stopping ──> exit
//      └───────────── stop requested ───────────────────────────────> exit
//
// A stop that is requested while the router starts ends the process at once. What the start has made on the host stays,
// as after every stop; the next launch adopts it. Child processes end when their socket pair closes.
class RouterProcess {
 public:
  explicit RouterProcess(settings::Settings settings) : settings_(std::move(settings)), router_(settings_) {}

  // `ready`: where to report readiness; `life`: the socket pair with the monitor. Both may be empty.
  int run(UniqueFd ready, UniqueFd life) {
    ready_ = std::move(ready);
    life_ = std::move(life);
    std::signal(SIGPIPE, SIG_IGN);
    auto& io = router_.io();
    asio::signal_set stops(io, SIGTERM, SIGINT);
    stops.async_wait([this](boost::system::error_code error, int) {
      if (!error) stop();
    });
    router_.on_stop([this] { stop(); });
    asio::co_spawn(io, start(), asio::detached);
    io.run();
    exit(status_);
  }

 private:
  // State is in the store and children are gone: destructors have nothing left to do, and pending coroutines may refer
  // to what they would destroy first.
  [[noreturn]] static void exit(int status) {
    std::cerr.flush();
    ::_exit(status);
  }

  asio::awaitable<void> start() {
    std::string failure, hint;
    try {
      auto warnings = co_await router_.start();
      if (life_) watch_monitor();
      tell_monitor(supervise::kRouterReady);
      std::string text;
      for (const auto& line : warnings) {
        text += line + "\n";
        log::warning("{}", line);
      }
      started_ = true;
      supervise::report_ready(ready_, text);
      supervise::notify_systemd("READY=1");
      log::info("weave is ready");
      co_return;
    } catch (const Error& error) {
      failure = error.what();
      hint = error.hint();
    } catch (const std::exception& error) {
      failure = error.what();
    }
    log::error("the router cannot start: reason=\"{}{}\"", failure, hint.empty() ? "" : " (" + hint + ")");
    supervise::report_failure(ready_, failure, hint);
    status_ = 1;
    router_.io().stop();
  }

  void stop() {
    if (std::exchange(stopping_, true)) return;
    tell_monitor(supervise::kRouterStops);
    supervise::notify_systemd("STOPPING=1");
    if (!started_) {
      log::info("weave was stopped while it was starting");
      supervise::report_failure(ready_, "weave was stopped while it was starting");
      exit(0);
    }
    // The default action of SIGALRM ends the process.
    ::alarm(kEndWithin);
    asio::co_spawn(router_.io(), finish(), asio::detached);
  }

  asio::awaitable<void> finish() {
    co_await router_.shut_down();
    log::info("weave has stopped");
    router_.io().stop();
  }

  // Starts another monitor when this one dies.
  void watch_monitor() {
    monitor_ =
        std::make_unique<asio::posix::stream_descriptor>(router_.io(), ::fcntl(life_.get(), F_DUPFD_CLOEXEC, 10));
    monitor_->async_wait(asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
      if (error || stopping_) return;
      log::warning("the monitor has died, starting another");
      try {
        SocketPair pair;
        life_ = std::move(pair.ours);
        std::signal(SIGCHLD, SIG_DFL);
        supervise::MonitorConfig config{settings::to_json(settings_, true), settings_.restart, ::getpid()};
        supervise::spawn_self("monitor", supervise::to_json(config), {{kLifeFd, pair.theirs.get()}}, true);
        watch_monitor();
      } catch (const Error& failure) {
        log::error("cannot start a monitor, the router will not be restarted after a crash: reason={}", failure.what());
      }
    });
  }

  void tell_monitor(char word) {
    if (life_ && ::write(life_.get(), &word, 1) < 0)
      log::debug("cannot write to the monitor: reason={}", errno_text(errno));
  }

  settings::Settings settings_;
  Router router_;
  UniqueFd ready_, life_;
  std::unique_ptr<asio::posix::stream_descriptor> monitor_;
  bool started_ = false, stopping_ = false;
  int status_ = 0;
};

// Runs the body of a process; a failure goes to the log.
template <class Body>
int as_process(Body body) {
  log::follow_rotation(kLogFile);
  try {
    return body();
  } catch (const std::exception& error) {
    log::error("{}", error.what());
    return 1;
  }
}

}  // namespace

int run_foreground(settings::Settings settings) {
  settings.foreground = true;
  if (settings.service_id.empty()) settings.service_id = supervise::new_service_id();
  log::set_level(settings.log_level);
  for (const auto& line : preflight(settings)) log::warning("{}", line);
  return RouterProcess(std::move(settings)).run({}, {});
}

int run_monitor_process() {
  return as_process([] {
    auto config = supervise::monitor_config_from_json(supervise::read_config());
    return supervise::run_monitor(config, supervise::inherited(kReadyFd), supervise::inherited(kLifeFd));
  });
}

int run_router_process() {
  return as_process([] {
    auto settings = settings::from_json(supervise::read_config());
    log::set_level(settings.log_level);
    auto ready = supervise::inherited(kReadyFd), life = supervise::inherited(kLifeFd);
    return RouterProcess(std::move(settings)).run(std::move(ready), std::move(life));
  });
}

int run_dns_process() {
  return as_process([] { return dns::run_server(kLifeFd, kReadyFd, dns_config_from_json(supervise::read_config())); });
}

int run_plugin_process() {
  return as_process([] {
    auto config = plugin::process_config_from_json(supervise::read_config());
    log::set_level(config.log_level);
    return plugin::run_process(config, kReadyFd, kLifeFd);
  });
}

}  // namespace weave::router
