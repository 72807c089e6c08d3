// Hexadecimal text.
#pragma once
#include <optional>

#include "base/bytes.hpp"

namespace weave {

// Lower-case, two digits a byte, no separator.
std::string to_hex(ByteView bytes);

// The bytes of an even number of hex digits in either case; nothing when the text is anything else.
std::optional<Bytes> from_hex(std::string_view text);

}  // namespace weave
