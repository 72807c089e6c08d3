// A service: a part of weave that runs as a child process of the router. It is started, watched, and started again when
// it dies.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"

namespace weave::supervise {

namespace asio = boost::asio;

class Service {
 public:
  // Called before each start: the configuration, and the end of a socket pair that becomes kLifeFd. Throws Error.
  struct Start {
    std::string config;
    UniqueFd life;
  };
  struct Hooks {
    std::function<Start()> prepare;
    std::function<void()> on_up = [] {};
    // Asked when the process has died: whether it is started again. Otherwise the service is off.
    std::function<bool()> restarts = [] { return true; };
  };

  // `subcommand` is the hidden one that runs the service.
  Service(asio::any_io_executor executor, std::string name, std::string subcommand, Hooks hooks);
  Service(const Service&) = delete;

  // Starts the process and returns when it reports that it is ready; throws its Error otherwise, and then the service
  // is off. From then on the process is restarted after a crash, with a pause that doubles from 0.1 s to 5 s and is
  // reset after 10 s of life.
  asio::awaitable<void> start();
  // As start(), but after a failure the service keeps trying.
  asio::awaitable<void> start_or_retry();
  // Ends the process, also one that is starting: SIGTERM, and SIGKILL after 5 s. Returns when it is gone.
  asio::awaitable<void> stop();

  bool wanted() const { return wanted_; }
  bool up() const { return up_; }
  // "running", "starting", or what is wrong: "restarting (exit 139, 3 s ago)".
  std::string state() const;
  std::chrono::system_clock::time_point since() const { return since_; }
  uint64_t restarts() const { return restarts_; }
  pid_t pid() const { return pid_; }

 private:
  asio::awaitable<void> launch();
  asio::awaitable<void> supervise();
  asio::awaitable<void> reaped();
  void ended(int status);

  asio::any_io_executor executor_;
  std::string name_, subcommand_;
  Hooks hooks_;
  asio::signal_set child_signal_;
  asio::steady_timer wake_;  // cancelled to end a pause
  pid_t pid_ = 0;
  bool wanted_ = false, up_ = false, supervised_ = false;
  std::string failure_;  // why it is not up
  std::chrono::steady_clock::time_point failure_at_{}, up_at_{};
  std::chrono::system_clock::time_point since_{};
  uint64_t restarts_ = 0;
};

}  // namespace weave::supervise
