#include "base/log.hpp"

#define SPDLOG_HEADER_ONLY
#include <spdlog/sinks/dup_filter_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>

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
    auto once = std::make_shared<spdlog::sinks::dup_filter_sink_mt>(std::chrono::seconds(5));
    once->add_sink(std::make_shared<spdlog::sinks::stderr_sink_mt>());
    auto made = std::make_shared<spdlog::logger>("weave", once);
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *instance;
}

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
  reopen_if_rotated();
  logger().log(native(level), "{}", message);
}

}  // namespace weave::log
