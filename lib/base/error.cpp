#include "base/error.hpp"

#include <cerrno>

namespace weave {

Error Error::because(const std::string& attempted, const Error& cause) {
  Error error(cause.kind_, attempted + ": " + cause.what(), cause.hint_);
  error.code_ = cause.code_;
  error.cause_ = std::make_shared<const Error>(cause);
  return error;
}

Error Error::with_code(const std::string& message, int code, std::string hint) {
  Error error(kind_of_errno(code), message, std::move(hint));
  error.code_ = code;
  return error;
}

ErrorKind kind_of_errno(int code) {
  switch (code) {
    case EINVAL:
      return ErrorKind::kInvalid;
    case ENOENT:
    case ENODEV:
    case ESRCH:
      return ErrorKind::kNotFound;
    case EEXIST:
    case EADDRINUSE:
    case EBUSY:
      return ErrorKind::kExists;
    case EACCES:
    case EPERM:
      return ErrorKind::kPermission;
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENOSYS:
    case EOPNOTSUPP:
      return ErrorKind::kUnavailable;
    case ETIMEDOUT:
      return ErrorKind::kTimeout;
    case ECANCELED:
      return ErrorKind::kCancelled;
    default:
      return ErrorKind::kFailed;
  }
}

std::string errno_text(int code) {
  return std::error_code(code, std::generic_category()).message();
}

Error errno_error(const std::string& attempted, int code) {
  return Error::with_code(attempted + ": " + errno_text(code), code);
}

}  // namespace weave
