#include "base/log.hpp"

#define SPDLOG_HEADER_ONLY
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace weave::log {
namespace {

spdlog::level::level_enum native(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      break;
  }
  return spdlog::level::err;
}

spdlog::logger& logger() {
  static auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("weave", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *instance;
}

// A line that repeats within kRepeatTime is written once, and counted; the next other line is preceded by the count.
class Repeats {
 public:
  // Whether to write the line, and what to write before it.
  std::pair<bool, std::string> next(Level level, std::string_view message) {
    std::lock_guard lock(mutex_);
    auto now = std::chrono::steady_clock::now();
    if (level == level_ && message == message_ && now - since_ < kRepeatTime) {
      ++count_;
      return {false, {}};
    }
    std::string before;
    if (count_ > 0) before = fmt::format("the previous line was repeated: times={}", count_);
    level_ = level;
    message_ = message;
    since_ = now;
    count_ = 0;
    return {true, std::move(before)};
  }

 private:
  static constexpr std::chrono::seconds kRepeatTime{5};
  std::mutex mutex_;
  Level level_ = Level::kDebug;
  std::string message_;
  std::chrono::steady_clock::time_point since_;
  int count_ = 0;
};

std::string& rotated() {
  static std::string path;
  return path;
}

bool same_file(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

// At most once a second; a process without the rights keeps the file that it has.
void reopen_if_rotated() {
  static std::atomic<time_t> looked{0};
  const auto& path = rotated();
  auto now = ::time(nullptr);
  if (path.empty() || looked.exchange(now) == now) return;
  struct stat file {
  }, ours{};
  if (::fstat(STDERR_FILENO, &ours) != 0) return;
  if (::stat(path.c_str(), &file) == 0 && same_file(file, ours)) return;
  UniqueFd fresh(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, ours.st_mode & 0777));
  if (!fresh) return;
  (void)!::fchown(fresh.get(), ours.st_uid, ours.st_gid);
  ::dup2(fresh.get(), STDERR_FILENO);
}

}  // namespace

Level parse_level(std::string_view name) {
  for (auto level : {Level::kDebug, Level::kInfo, Level::kWarning, Level::kError})
    if (name == level_name(level)) return level;
  throw Error(fmt::format("unknown log level '{}'", name), "use debug, info, warning or error");
}

std::string_view level_name(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      break;
  }
  return "error";
}

void set_level(Level level) {
  logger().set_level(native(level));
}
bool enabled(Level level) {
  return logger().should_log(native(level));
}
void follow_rotation(const std::string& path) {
  struct stat file {
  }, ours{};
  if (::stat(path.c_str(), &file) == 0 && ::fstat(STDERR_FILENO, &ours) == 0 && same_file(file, ours)) rotated() = path;
}

void write(Level level, std::string_view message) {
  static Repeats repeats;
  if (!enabled(level)) return;
  auto [wanted, before] = repeats.next(level, message);
  if (!wanted) return;
  reopen_if_rotated();
  if (!before.empty()) logger().log(native(level), "{}", before);
  logger().log(native(level), "{}", message);
}

}  // namespace weave::log
