// The wall clock.
#pragma once
#include <chrono>
#include <cstdint>

namespace weave {

// Seconds since 1970-01-01 UTC.
inline int64_t unix_time() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace weave
