// Who runs a program on this host, and what that user may do with weave.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace weave {

// The user of the process that has this TCP socket open in our network namespace, by the socket's own address
// (`address` as text: "127.0.0.1", "::1"). Nothing when there is none, as for a client on another host and for a socket
// that its process has closed already.
std::optional<uint32_t> owner_of_tcp_socket(const std::string& address, uint16_t port);

// Root, and members of the group docker: they can change the host through Docker anyway.
bool may_change_network(uint32_t user);

}  // namespace weave
