// The ready protocol: over a pipe a started process says once that it is ready, or why it cannot start.
//
//   R<text>                 ready; the text is for the user (the router: one warning a line)
//   E<message>\n<hint>      failed
//   end-of-file alone       the process ended without a word
#pragma once
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace weave::supervise {

// The writer's side. Each closes the pipe; an empty descriptor is allowed: then nobody waits.
void report_ready(UniqueFd& pipe, const std::string& text = {});
void report_failure(UniqueFd& pipe, const std::string& message, const std::string& hint = {});
void report_failure(UniqueFd& pipe, const Error& error);

// The reader's side, for all that came until end-of-file: returns the text after `R`. Throws Error with message and
// hint after `E`, and "the <name> ended before it was ready" for anything else.
std::string parse_ready(const std::string& name, const std::string& received);

}  // namespace weave::supervise
