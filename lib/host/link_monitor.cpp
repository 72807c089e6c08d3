#include "host/link_monitor.hpp"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/error.hpp"

namespace weave::host {

UniqueFd link_monitor() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_ROUTE | RTMGRP_IPV4_IFADDR;
  if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&groups), sizeof groups) != 0)
    throw errno_error("cannot watch links and routes");
  return fd;
}

void drain(int fd) {
  std::array<uint8_t, 16384> buffer;
  for (;;) {
    if (::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT) > 0) continue;
    // There was more than it could keep.
    if (errno != ENOBUFS && errno != EINTR) return;
  }
}

}  // namespace weave::host
