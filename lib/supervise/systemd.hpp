// systemd's notification protocol (sd_notify(3)): one datagram to the socket that NOTIFY_SOCKET names.
#pragma once
#include <string>

namespace weave::supervise {

// Sends a state such as "READY=1"; nothing without NOTIFY_SOCKET. A failure is logged.
void notify_systemd(const std::string& state);

}  // namespace weave::supervise
