#include "base/log.hpp"

#define SPDLOG_HEADER_ONLY
#include <spdlog/sinks/dup_filter_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/error.hpp"

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
void write(Level level, std::string_view message) {
  logger().log(native(level), "{}", message);
}

}  // namespace weave::log
