// Logging: one line an event, with fields in fixed spelling (peer, addr, overlay, container, network, reason).
#pragma once
#include <fmt/format.h>

#include <string>
#include <string_view>

namespace weave::log {

enum class Level { debug, info, warning, error };

// The level named as on the command line ("debug", "info", "warning", "error"); throws Error for another word.
Level parse_level(std::string_view name);

void set_level(Level level);
bool enabled(Level level);

// Writes to stderr: time, level, message. A line that repeats within 5 s is counted, not written.
void write(Level level, std::string_view message);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::debug)) write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::info)) write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::warning)) write(Level::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace weave::log
