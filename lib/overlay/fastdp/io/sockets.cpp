#include "overlay/fastdp/io/sockets.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.hpp"

namespace weave::overlay {

// Heartbeats leave from an ordinary socket: only the destination port means something to the peer.
UniqueFd heartbeat_socket() {
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) throw errno_error("cannot open a UDP socket for heartbeats");
  // "Don't fragment", whatever has been learnt of the path: a path that has recovered must be noticed.
  int probe = IP_PMTUDISC_PROBE, on = 1;
  ::setsockopt(fd.get(), IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof probe);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on);
  return fd;
}

std::string send_from(int socket, const FastHop& hop, ByteView payload) {
  sockaddr_in remote{};
  remote.sin_family = AF_INET;
  remote.sin_port = htons(hop.port);
  remote.sin_addr.s_addr = htonl(hop.remote.value);
  // An unmarked heartbeat would leave in clear.
  if (::setsockopt(socket, SOL_SOCKET, SO_MARK, &hop.mark, sizeof hop.mark) != 0)
    return "cannot mark packets: " + errno_text(errno);
  iovec data{const_cast<uint8_t*>(payload.data()), payload.size()};
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(in_pktinfo))> space{};
  msghdr message{};
  message.msg_name = &remote;
  message.msg_namelen = sizeof remote;
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = space.data();
  message.msg_controllen = space.size();
  auto* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = IPPROTO_IP;
  header->cmsg_type = IP_PKTINFO;
  header->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
  in_pktinfo info{};
  info.ipi_spec_dst.s_addr = htonl(hop.local.value);
  std::memcpy(CMSG_DATA(header), &info, sizeof info);
  if (::sendmsg(socket, &message, MSG_NOSIGNAL) >= 0) return {};
  if (errno == EMSGSIZE)
    return fmt::format(
        "the largest frames, {} bytes with their headers, don't fit the interface's MTU: launch with a "
        "smaller --mtu on all hosts",
        payload.size() + 28);
  return errno_text(errno);
}

}  // namespace weave::overlay
