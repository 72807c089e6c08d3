#include "router/launch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "base/log.hpp"
#include "base/text.hpp"
#include "router/preflight.hpp"
#include "supervise/monitor.hpp"
#include "supervise/ready.hpp"
#include "supervise/self.hpp"

namespace weave::router {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
constexpr auto kReadyLimit = 30s, kStopLimit = 17s;
constexpr uintmax_t kLogLimit = 10 << 20;  // bytes; a longer log is renamed at a launch
constexpr int kShownLines = 6;             // of the log, in an error

// The end of the log, to go with an error.
std::string last_lines() {
  std::string text;
  try {
    text = read_file(kLogFile);
  } catch (const Error&) {
    return text;
  }
  size_t at = text.size();
  for (int lines = 0; at > 0 && lines < kShownLines; ++lines) at = at < 2 ? 0 : text.rfind('\n', at - 2) + 1;
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

// What comes over the pipe until it closes; nothing when that takes longer than the limit.
std::optional<std::string> read_ready(const UniqueFd& from) {
  std::string received;
  auto end = Clock::now() + kReadyLimit;
  for (;;) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd fd{from.get(), POLLIN, 0};
    if (left <= 0 || ::poll(&fd, 1, static_cast<int>(left)) == 0) return std::nullopt;
    char buffer[4096];
    ssize_t got = ::read(from.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return received;
    received.append(buffer, static_cast<size_t>(got));
  }
}

// Ends the monitor, which ends its router.
void end_monitor(pid_t monitor) {
  ::kill(monitor, SIGTERM);
  for (auto end = Clock::now() + kStopLimit; Clock::now() < end; std::this_thread::sleep_for(20ms))
    if (::waitpid(monitor, nullptr, WNOHANG) != 0) return;
  log::warning("the monitor did not end: pid={}", monitor);
}

}  // namespace

Launched launch(settings::Settings settings) {
  if (settings.service_id.empty()) settings.service_id = supervise::new_service_id();
  Launched launched{settings.service_id, preflight(settings)};
  auto log = open_log();
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  Pipe ready;
  auto config = supervise::to_json(supervise::MonitorConfig{settings::to_json(settings, true), settings.restart, 0});
  auto monitor = supervise::spawn_self(
      "monitor", config, {{0, null.get()}, {1, log.get()}, {2, log.get()}, {supervise::kReadyFd, ready.write.get()}},
      true);
  ready.write.reset();
  auto received = read_ready(ready.read);
  if (!received) {
    auto shown = last_lines();
    end_monitor(monitor);
    throw Error(fmt::format("the router is not ready after {} s and was ended", kReadyLimit.count()),
                fmt::format("the last lines of {}:\n{}", kLogFile, shown));
  }
  std::string warnings;
  try {
    warnings = supervise::parse_ready("router", *received);
  } catch (const Error& error) {
    throw Error(error.what(), error.hint().empty() ? fmt::format("see {}", kLogFile) : error.hint());
  }
  for (auto& line : lines_of(warnings)) launched.warnings.push_back(std::move(line));
  return launched;
}

}  // namespace weave::router
