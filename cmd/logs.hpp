#pragma once
#include <string_view>

namespace weave::cmd {

// The line is about `word`: it occurs in it, at the beginning of a word, in whatever case. An empty one matches every
// line.
bool log_line_matches(std::string_view line, std::string_view word);

}  // namespace weave::cmd
