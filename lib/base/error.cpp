#include "base/error.hpp"

namespace weave {

std::string errno_text(int code) {
  return std::error_code(code, std::generic_category()).message();
}

Error errno_error(const std::string& attempted, int code) {
  return Error(attempted + ": " + errno_text(code));
}

}  // namespace weave
