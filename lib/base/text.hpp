// Text: what comes from outside, and its parts.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weave {

// Text from a peer made fit to be shown: control characters and what isn't UTF-8 become question marks.
std::string printable(std::string_view text);

// Parts between separators; "a,,b" has an empty one, "" none.
std::vector<std::string> split(std::string_view text, char separator);
// The lines, without their ends.
std::vector<std::string> lines_of(std::string_view text);

// A whole decimal number that fits, sign allowed.
std::optional<int> parse_number(std::string_view text);
// What Go's ParseBool takes: 1, t, T, TRUE, true, True, 0, f, F, FALSE, false, False.
std::optional<bool> parse_bool(std::string_view text);
// Whether the text is a container's id in full, as Docker's API writes it: 64 lower-case hex digits.
bool is_container_id(std::string_view text);

// All but unreserved characters as %XX (RFC 3986).
std::string percent_encode(std::string_view text);
// HTML's special characters as references, as Go's html/template escapes them.
std::string html_escaped(std::string_view text);

}  // namespace weave
