#include "supervise/ready.hpp"

#include <unistd.h>

#include "base/log.hpp"

namespace weave::supervise {
namespace {

void write_all(UniqueFd& pipe, const std::string& text) {
  if (pipe && ::write(pipe.get(), text.data(), text.size()) < 0)
    log::warning("cannot report to the parent process: reason={}", errno_text(errno));
  pipe.reset();
}

}  // namespace

void report_ready(UniqueFd& pipe, const std::string& text) {
  write_all(pipe, "R" + text);
}

void report_failure(UniqueFd& pipe, const std::string& message, const std::string& hint) {
  write_all(pipe, fmt::format("E{}\n{}", message, hint));
}

void report_failure(UniqueFd& pipe, const Error& error) {
  report_failure(pipe, error.what(), error.hint());
}

std::string parse_ready(const std::string& name, const std::string& received) {
  if (received.starts_with('R')) return received.substr(1);
  if (!received.starts_with('E')) throw Error(fmt::format("the {} ended before it was ready", name));
  // The hint is the last line; a message may have several.
  auto end = received.rfind('\n');
  throw Error(received.substr(1, end - 1), end == received.npos ? "" : received.substr(end + 1));
}

}  // namespace weave::supervise
