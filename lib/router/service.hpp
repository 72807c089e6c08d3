// A part of weave that runs as a process of its own: started, watched, started again when it dies.
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

namespace weave::router {

namespace asio = boost::asio;

// The descriptors of a service's process, besides the standard ones.
inline constexpr int kConfigFd = 3;  // a pipe with its configuration
inline constexpr int kReadyFd = 4;   // a pipe to say `R<text>` when it is ready, or `E<message>\n<hint>`
inline constexpr int kLifeFd = 5;    // closes when the other side has died; for some also a channel

// Starts this program's subcommand with a configuration on kConfigFd and more descriptors. Returns the pid.
pid_t spawn_self(const std::string& subcommand, const std::string& config, std::vector<std::pair<int, int>> fds,
                 bool new_session = false);

// What came over a ready pipe: the text after `R`; throws Error for `E` and, as "<name> ended before it was ready", for
// anything else.
std::string understand_ready(const std::string& name, const std::string& said);

// 32 random bytes in hex: what `weave launch` and `weave launch-plugin` print.
std::string new_service_id();

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
  };

  // `subcommand` is the hidden one that runs the service.
  Service(asio::any_io_executor executor, std::string name, std::string subcommand, Hooks hooks);
  Service(const Service&) = delete;

  // Starts it and returns when it says that it is ready; throws its Error otherwise, and then it is off. From then on a
  // crash starts it again, after a pause that doubles from 0.1 s to 5 s and is short again after 10 s of life.
  asio::awaitable<void> start();
  // As start(), but a failure leaves it trying again.
  asio::awaitable<void> start_or_retry();
  // Ends it: SIGTERM, and SIGKILL after 5 s. Returns when the process is gone.
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
  std::string trouble_;  // why it isn't up
  std::chrono::steady_clock::time_point trouble_at_{}, up_at_{};
  std::chrono::system_clock::time_point since_{};
  uint64_t restarts_ = 0;
};

}  // namespace weave::router
