// The sockets of the fast datapath (internal to the library).
#pragma once
#include "base/fd.hpp"
#include "overlay/fastdp/forwarder.hpp"

namespace weave::overlay {

// For send_from(). Throws Error.
UniqueFd heartbeat_socket();

// Sends a UDP payload as FastPort::send wants it; the reason when that fails.
std::string send_from(int socket, const FastHop& hop, ByteView payload);

// Becomes readable when a link, address or route of the calling thread's namespace has changed. Throws Error.
UniqueFd link_monitor();
// Takes out what it says: only that something has changed matters.
void drain(int fd);

}  // namespace weave::overlay
