// Text from outside.
#pragma once
#include <string>
#include <string_view>

namespace weave {

// Text from a peer made fit to be shown: control characters and what isn't UTF-8 become question marks.
std::string printable(std::string_view text);

}  // namespace weave
