// The sockets of the fast datapath (internal to the library).
#pragma once
#include "base/fd.hpp"
#include "overlay/fastdp/forwarder.hpp"

namespace weave::overlay {

// For send_from(). Throws Error.
UniqueFd heartbeat_socket();

// Sends a UDP payload as FastPort::send wants it; the reason when that fails.
std::string send_from(int socket, const FastHop& hop, ByteView payload);

}  // namespace weave::overlay
