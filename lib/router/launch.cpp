#include "router/launch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <thread>

#include "base/log.hpp"
#include "host/bridge.hpp"
#include "host/firewall.hpp"
#include "host/routes.hpp"
#include "migrate/weave_net.hpp"
#include "router/monitor.hpp"
#include "router/preflight.hpp"
#include "router/router.hpp"
#include "store/store.hpp"

namespace weave::router {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
constexpr auto kReadyLimit = 30s, kStopLimit = 15s;
constexpr uintmax_t kLogLimit = 10 << 20;  // bytes; a log that is longer is set aside at a launch

std::string lock_path() {
  return std::string(kRunDirectory) + "/lock";
}

// The end of the log, to go with an error.
std::string last_lines() {
  std::string text;
  try {
    text = read_file(kLogFile);
  } catch (const Error&) {
    return text;
  }
  size_t at = text.size();
  for (int lines = 0; at > 0 && lines < 6; ++lines) at = at < 2 ? 0 : text.rfind('\n', at - 2) + 1;
  return text.substr(at);
}

UniqueFd open_log() {
  std::error_code ignored;
  if (fs::file_size(kLogFile, ignored) > kLogLimit && !ignored)
    fs::rename(kLogFile, std::string(kLogFile) + ".1", ignored);
  UniqueFd log(::open(kLogFile, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!log) throw errno_error(std::string("cannot open ") + kLogFile);
  return log;
}

// What comes over the pipe until it closes; throws Error after the limit.
std::string wait_ready(const UniqueFd& from) {
  std::string said;
  auto end = std::chrono::steady_clock::now() + kReadyLimit;
  for (;;) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    pollfd fd{from.get(), POLLIN, 0};
    if (left <= 0 || ::poll(&fd, 1, static_cast<int>(left)) == 0)
      throw Error(fmt::format("the router isn't ready after {} s", kReadyLimit.count()), last_lines());
    char buffer[4096];
    ssize_t got = ::read(from.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return said;
    said.append(buffer, static_cast<size_t>(got));
  }
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    auto end = std::min(text.find('\n', at), text.size());
    if (end > at) lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// systemd's readiness protocol: one datagram to the socket that the environment names.
void notify_systemd(const std::string& state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (*path != '/' && *path != '@')) return;
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string name(path);
  if (!fd || name.size() >= sizeof address.sun_path) return;
  std::copy(name.begin(), name.end(), address.sun_path);
  if (name[0] == '@') address.sun_path[0] = 0;
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  if (::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size) <
      0)
    log::warning("cannot tell systemd: {}", errno_text(errno));
}

// The configuration that the parent put on its descriptor.
std::string read_config() {
  UniqueFd from(kConfigFd);
  std::string text;
  char buffer[4096];
  ssize_t got;
  while ((got = ::read(from.get(), buffer, sizeof buffer)) > 0) text.append(buffer, static_cast<size_t>(got));
  if (text.empty()) throw Error("this is a part of weave that only weave itself starts");
  return text;
}

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

UniqueFd inherited(int fd) {
  if (!is_open(fd)) return {};
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return UniqueFd(fd);
}

// What a router does besides routing: telling those who wait, and being stopped.
class Host {
 public:
  explicit Host(Options options) : options_(std::move(options)), router_(options_) {}

  // Where to report readiness, and the monitor's socket; both may be empty.
  int run(UniqueFd ready, UniqueFd life) {
    ready_ = std::move(ready);
    life_ = std::move(life);
    std::signal(SIGPIPE, SIG_IGN);
    auto& io = router_.io();
    asio::signal_set ends(io, SIGTERM, SIGINT);
    ends.async_wait([this](boost::system::error_code error, int) {
      if (!error) end();
    });
    router_.on_stop([this] { end(); });
    asio::co_spawn(io, start(), asio::detached);
    io.run();
    // State is in the store and children are gone: nothing is left that destructors would have to do, and pending
    // coroutines may refer to what they would destroy first.
    std::cerr.flush();
    ::_exit(status_);
  }

 private:
  asio::awaitable<void> start() {
    std::string failure, hint;
    try {
      auto warnings = co_await router_.start();
      if (life_) watch_monitor();
      say(life_, std::string(1, kRouterReady));
      std::string text = "R";
      for (const auto& line : warnings) {
        text += line + "\n";
        log::warning("{}", line);
      }
      say(ready_, text);
      ready_.reset();
      notify_systemd("READY=1");
      log::info("weave is ready");
      co_return;
    } catch (const AlreadyThere& error) {
      failure = error.what();
    } catch (const Error& error) {
      failure = error.what();
      hint = error.hint();
    } catch (const std::exception& error) {
      failure = error.what();
    }
    log::error("cannot start: {}{}", failure, hint.empty() ? "" : " (" + hint + ")");
    say(ready_, fmt::format("E{}\n{}", failure, hint));
    status_ = 1;
    router_.io().stop();
  }

  void end() {
    if (std::exchange(ending_, true)) return;
    say(life_, std::string(1, kRouterStops));
    notify_systemd("STOPPING=1");
    asio::co_spawn(router_.io(), finish(), asio::detached);
  }

  asio::awaitable<void> finish() {
    co_await router_.shut_down();
    log::info("weave has stopped");
    router_.io().stop();
  }

  // Another monitor takes over when this one is killed.
  void watch_monitor() {
    monitor_ =
        std::make_unique<asio::posix::stream_descriptor>(router_.io(), ::fcntl(life_.get(), F_DUPFD_CLOEXEC, 10));
    monitor_->async_wait(asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
      if (error || ending_) return;
      log::warning("the monitor has died, starting another");
      try {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
          throw errno_error("cannot make a socket pair");
        life_.reset(ends[0]);
        UniqueFd theirs(ends[1]);
        std::signal(SIGCHLD, SIG_DFL);
        spawn_self("monitor", to_json(MonitorConfig{to_json(options_, true), ::getpid()}), {{kLifeFd, theirs.get()}},
                   true);
        watch_monitor();
      } catch (const Error& failure) {
        log::error("a crash of the router will not be mended: reason={}", failure.what());
      }
    });
  }

  static void say(const UniqueFd& to, const std::string& text) {
    if (to && ::write(to.get(), text.data(), text.size()) < 0) log::debug("nobody listens: {}", errno_text(errno));
  }

  Options options_;
  Router router_;
  UniqueFd ready_, life_;
  std::unique_ptr<asio::posix::stream_descriptor> monitor_;
  bool ending_ = false;
  int status_ = 0;
};

// Runs the body of a process; what it throws goes to the log and to `ready`.
template <class Body>
int as_process(Body body) {
  try {
    return body();
  } catch (const std::exception& error) {
    log::error("{}", error.what());
    return 1;
  }
}

}  // namespace

Launched launch(Options options) {
  options = check(std::move(options));
  if (options.service_id.empty()) options.service_id = new_service_id();
  Launched launched{options.service_id, preflight(options)};
  auto log = open_log();
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  Pipe ready;
  auto config = to_json(MonitorConfig{to_json(options, true), 0});
  spawn_self("monitor", config, {{0, null.get()}, {1, log.get()}, {2, log.get()}, {kReadyFd, ready.write.get()}}, true);
  ready.write.reset();
  std::string said;
  try {
    said = understand_ready("router", wait_ready(ready.read));
  } catch (const Error& error) {
    throw Error(error.what(), error.hint().empty() ? fmt::format("see {}", kLogFile) : error.hint());
  }
  for (auto& line : lines_of(said)) launched.warnings.push_back(std::move(line));
  return launched;
}

int run_foreground(Options options) {
  options.foreground = true;
  options = check(std::move(options));
  if (options.service_id.empty()) options.service_id = new_service_id();
  log::set_level(log::parse_level(options.log_level));
  for (const auto& line : preflight(options)) log::warning("{}", line);
  return Host(std::move(options)).run({}, {});
}

int run_monitor_process() {
  return as_process([] {
    auto config = monitor_config_from_json(read_config());
    return run_monitor(config, inherited(kReadyFd), inherited(kLifeFd));
  });
}

int run_router_process() {
  return as_process([] {
    auto options = options_from_json(read_config());
    log::set_level(log::parse_level(options.log_level));
    auto ready = inherited(kReadyFd), life = inherited(kLifeFd);
    return Host(check(std::move(options))).run(std::move(ready), std::move(life));
  });
}

int run_dns_process() {
  return as_process([] { return dns::run_server(kLifeFd, kReadyFd, dns_config_from_json(read_config())); });
}

int run_plugin_process() {
  return as_process([] {
    auto config = plugin_config_from_json(read_config());
    log::set_level(log::parse_level(config.log_level));
    return run_plugin(config, kReadyFd, kLifeFd);
  });
}

bool router_holds_host() {
  UniqueFd lock(::open(lock_path().c_str(), O_RDONLY | O_CLOEXEC));
  return lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0;
}

bool wait_until_stopped(const std::function<void()>& meanwhile) {
  for (auto end = std::chrono::steady_clock::now() + kStopLimit; std::chrono::steady_clock::now() < end;) {
    if (!router_holds_host()) return true;
    std::this_thread::sleep_for(5ms);
    if (meanwhile) meanwhile();
  }
  return false;
}

namespace {

// The bridge of the last launch.
std::string bridge_of(const std::string& state_dir) {
  auto path = state_dir + "/weave.db";
  std::error_code ignored;
  if (fs::exists(path, ignored)) try {
      if (auto name = Store(path).get(kRouterTable, kBridgeKey)) return *name;
    } catch (const Error& error) {
      log::warning("{}: taking the usual bridge", error.what());
    }
  return Options().bridge;
}

}  // namespace

bool has_state(const std::string& state_dir) {
  std::error_code ignored;
  return fs::exists(state_dir + "/weave.db", ignored) || host::Netlink().find_link(bridge_of(state_dir));
}

void remove_everything(const std::string& state_dir) {
  std::vector<std::string> failures;
  auto attempt = [&](const auto& work) {
    try {
      work();
    } catch (const std::exception& error) {
      failures.emplace_back(error.what());
    }
  };
  auto bridge = bridge_of(state_dir);
  attempt([&] {
    host::FirewallConfig config;
    config.bridge = bridge;
    if (auto address = host::docker_bridge_address()) config.docker_bridge = {"docker0", *address};
    config.dns_interfaces = {"docker_gwbridge"};
    host::Firewall(host::Iptables::of_docker(), config).uninstall();
  });
  attempt([] { overlay::FastDatapath::remove(); });
  attempt([&] { host::remove_bridge(bridge); });
  auto remove = [&](const std::string& path) {
    std::error_code code;
    fs::remove_all(path, code);
    if (code) failures.push_back(fmt::format("cannot remove {}: {}", path, code.message()));
  };
  for (auto socket : {"/run/docker/plugins/weave.sock", "/run/docker/plugins/weavemesh.sock"}) remove(socket);
  for (auto file : {"weave.db", "weave.db-wal", "weave.db-shm", "weave.db-journal"}) remove(state_dir + "/" + file);
  attempt([] { migrate::put_away_weave_net({}); });
  remove(kRunDirectory);
  remove(kLogFile);
  remove(std::string(kLogFile) + ".1");
  if (!failures.empty()) throw Error(fmt::format("{}", fmt::join(failures, "; ")));
}

}  // namespace weave::router
