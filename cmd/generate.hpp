// Files made from the table of commands.
#pragma once
#include <string>

namespace weave::cmd {

std::string bash_completion();
std::string zsh_completion();
std::string fish_completion();

// The commands and their options in troff, for the part of the manual page between the lines kManBegin and kManEnd.
std::string man_commands();
inline constexpr const char* kManBegin = ".\\\" BEGIN made by 'weave generate man'";
inline constexpr const char* kManEnd = ".\\\" END";

// The page with that part replaced. Throws Error when the lines aren't there.
std::string man_page_with(const std::string& page, const std::string& part);

}  // namespace weave::cmd
