// Tells that a link, address or route of this network namespace has changed.
#pragma once
#include "base/fd.hpp"

namespace weave::host {

// Becomes readable when a link, address or route of the calling thread's namespace has changed. Throws Error.
UniqueFd link_monitor();
// Takes out what it says: only that something has changed matters.
void drain(int fd);

}  // namespace weave::host
