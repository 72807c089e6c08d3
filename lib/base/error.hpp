// Errors: one exception type for operations, one value type for decoders. CONTRIBUTING.md has the policy.
#pragma once
#include <memory>
#include <string>
#include <system_error>
#include <tl/expected.hpp>

namespace weave {

// What a caller may want to tell apart. Errors are classified by this, never by their text.
enum class ErrorKind {
  kFailed,       // anything else
  kInvalid,      // the request or a value makes no sense
  kNotFound,     // what the operation is about doesn't exist
  kExists,       // it exists already, or is in use
  kPermission,   // this user may not do that, or the kernel refuses
  kUnavailable,  // the other side isn't there, or the kernel lacks the feature
  kTimeout,      // no result within the limit
  kCancelled,    // given up on request
};

// An operation failed. The message says what was attempted, on what, and why; the hint, what the user can do.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, std::string hint = {})
      : Error(ErrorKind::kFailed, message, std::move(hint)) {}
  Error(ErrorKind kind, const std::string& message, std::string hint = {})
      : std::runtime_error(message), kind_(kind), hint_(std::move(hint)) {}

  ErrorKind kind() const noexcept { return kind_; }
  // The errno value behind it; 0: none.
  int code() const noexcept { return code_; }
  // One sentence that helps, or empty.
  const std::string& hint() const noexcept { return hint_; }
  // The error that led to this one; null: none.
  const Error* cause() const noexcept { return cause_.get(); }

  // `attempted`: <message of the cause>, with its kind, code and hint, and the cause itself inside.
  static Error because(const std::string& attempted, const Error& cause);
  // With the kind that belongs to the errno value. The message is as given.
  static Error with_code(const std::string& message, int code, std::string hint = {});

 private:
  ErrorKind kind_;
  int code_ = 0;
  std::string hint_;
  std::shared_ptr<const Error> cause_;
};

// The kind that an errno value stands for.
ErrorKind kind_of_errno(int code);

// `attempted`: <text of errno>. `code` defaults to the current errno.
Error errno_error(const std::string& attempted, int code = errno);

// The text of an errno value, thread-safe.
std::string errno_text(int code);

// A decoder's result: the value, or the reason why the bytes are refused.
template <class T>
using Result = tl::expected<T, std::string>;
using Refused = tl::unexpected<std::string>;

}  // namespace weave
