#pragma once

namespace weave::cmd {

// Stops the router and what depends on it, says its warnings, and returns when it is gone. False when none ran. Throws
// Error when it doesn't stop.
bool stop_router(bool remove_network);

}  // namespace weave::cmd
