// Errors: one exception type for operations, one value type for decoders.
#pragma once
#include <string>
#include <system_error>
#include <tl/expected.hpp>

namespace weave {

// An operation failed. The message says what was attempted, on what, and why; the hint, what the user can do.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, std::string hint = {})
      : std::runtime_error(message), hint_(std::move(hint)) {}
  // One sentence that helps, or empty.
  const std::string& hint() const noexcept { return hint_; }

 private:
  std::string hint_;
};

// `attempted`: <text of errno>. `code` defaults to the current errno.
Error errno_error(const std::string& attempted, int code = errno);

// The text of an errno value, thread-safe.
std::string errno_text(int code);

// A decoder's answer: the value, or the reason why the bytes are refused.
template <class T>
using Result = tl::expected<T, std::string>;
using Refused = tl::unexpected<std::string>;

}  // namespace weave
