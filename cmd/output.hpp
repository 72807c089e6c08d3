// What commands say: results on stdout, everything that is meant for a person on stderr.
#pragma once
#include <fmt/format.h>

#include <string>
#include <string_view>

namespace weave::cmd {

// A result, exactly this text. Throws Error when it can't be written.
void out(std::string_view text);

// A line for the user.
void say(std::string_view line);

template <class... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  say(std::string_view(fmt::format(format, std::forward<Args>(args)...)));
}

// "start it with 'weave launch'" -> "Start it with 'weave launch'."
std::string sentence(std::string text);

}  // namespace weave::cmd
