// Small things about text.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"

namespace weave::cmd {

// Lines of at most `width` characters, broken at blanks; a longer word has a line of its own.
std::vector<std::string> wrapped(std::string_view text, size_t width);
// Parts separated by empty lines.
std::vector<std::string> paragraphs(std::string_view text);
std::string joined(const std::vector<std::string>& parts, std::string_view separator);

}  // namespace weave::cmd
