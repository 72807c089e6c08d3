// The version, in one place: CMake reads it from here.
#pragma once

namespace weave {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace weave
