// Logging: one line an event, with fields in fixed spelling (peer, addr, overlay, container, network, reason).
#pragma once
#include <fmt/format.h>

#include <string>
#include <string_view>

namespace weave::log {

enum class Level { kDebug, kInfo, kWarning, kError };

// The level named as on the command line ("debug", "info", "warning", "error"); throws Error for another word.
Level parse_level(std::string_view name);
std::string_view level_name(Level level);

void set_level(Level level);
bool enabled(Level level);

// Writes to stderr: time, level, message. A line that repeats within 5 s is counted, not written.
void write(Level level, std::string_view message);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kDebug)) write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kInfo)) write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kWarning)) write(Level::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}

// From now on stderr, which is this file, is opened anew when the file was renamed or removed (logrotate). Nothing
// happens when stderr is something else.
void follow_rotation(const std::string& path);

}  // namespace weave::log
