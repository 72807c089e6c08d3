#include "overlay/sleeve/io/udp.hpp"

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

namespace weave::overlay {

namespace {

// Each end of a fast connection has a few hundred packets under way; a fragmentation test alone takes 60 KB.
constexpr int kReceiveBuffer = 8 * 1024 * 1024, kSendBuffer = 4 * 1024 * 1024;  // bytes

sockaddr_in to_sockaddr(const UdpAddress& address) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(address.port);
  out.sin_addr.s_addr = htonl(address.ip.value);
  return out;
}

// What the kernel knows of the route's MTU; 0 when it doesn't say.
int path_mtu(const UdpAddress& to, Ipv4 from) {
  UniqueFd probe(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  auto local = to_sockaddr({from, 0});
  auto remote = to_sockaddr(to);
  int mtu = 0;
  socklen_t size = sizeof mtu;
  if (!probe || bind(probe.get(), reinterpret_cast<sockaddr*>(&local), sizeof local) != 0 ||
      connect(probe.get(), reinterpret_cast<sockaddr*>(&remote), sizeof remote) != 0 ||
      getsockopt(probe.get(), IPPROTO_IP, IP_MTU, &mtu, &size) != 0)
    return 0;
  return mtu;
}

void set(const UniqueFd& fd, int level, int option, int value) {
  setsockopt(fd.get(), level, option, &value, sizeof value);
}

// More than the machine's limit, if we may.
void set_buffer(const UniqueFd& fd, int forced, int ordinary, int bytes) {
  if (setsockopt(fd.get(), SOL_SOCKET, forced, &bytes, sizeof bytes) != 0) set(fd, SOL_SOCKET, ordinary, bytes);
}

UniqueFd open_socket(int discover) {
  UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) throw errno_error("cannot open a UDP socket");
  set(fd, IPPROTO_IP, IP_MTU_DISCOVER, discover);
  set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, kSendBuffer);
  // The wait has a limit: a device that has stopped would never free its buffer.
  timeval patience{.tv_sec = 0, .tv_usec = 100'000};
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return fd;
}

void bind_to(const UniqueFd& fd, const UdpAddress& address) {
  auto local = to_sockaddr(address);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&local), sizeof local) == 0) return;
  int code = errno;
  throw Error(fmt::format("cannot listen on UDP {}: {}", address.str(), errno_text(code)),
              code == EADDRINUSE ? "another program listens there; see `ss -lup`" : "");
}

// A message to one address, and with it the address that it is to leave from.
struct Message {
  Message(const UdpAddress& to, Ipv4 from, ByteView payload) : remote(to_sockaddr(to)) {
    data = {const_cast<uint8_t*>(payload.data()), payload.size()};
    header.msg_name = &remote;
    header.msg_namelen = sizeof remote;
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    if (from.value == 0) return;
    in_pktinfo info{};
    info.ipi_spec_dst.s_addr = htonl(from.value);
    add(IPPROTO_IP, IP_PKTINFO, info);
  }
  Message(const Message&) = delete;

  template <class T>
  void add(int level, int type, const T& value) {
    auto* item = reinterpret_cast<cmsghdr*>(space.data() + header.msg_controllen);
    item->cmsg_level = level;
    item->cmsg_type = type;
    item->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(item), &value, sizeof value);
    header.msg_control = space.data();
    header.msg_controllen += CMSG_SPACE(sizeof value);
  }

  sockaddr_in remote;
  iovec data;
  msghdr header{};
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(sizeof(uint16_t))> space{};
};

}  // namespace

SleeveUdp::SleeveUdp(Ipv4 host, uint16_t port)
    : fragmenting_(open_socket(IP_PMTUDISC_DONT)), whole_(open_socket(IP_PMTUDISC_DO)) {
  // The first is bound as its port's only user, so that a second router is told that the port is taken.
  bind_to(fragmenting_, {host, port});
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  getsockname(fragmenting_.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  port_ = ntohs(bound.sin_port);
  set(fragmenting_, SOL_SOCKET, SO_REUSEPORT, 1);
  set(whole_, SOL_SOCKET, SO_REUSEPORT, 1);
  bind_to(whole_, {host, port_});
  std::array<sock_filter, 1> first_socket{{{BPF_RET | BPF_K, 0, 0, 0}}};
  sock_fprog program{first_socket.size(), first_socket.data()};
  if (setsockopt(fragmenting_.get(), SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) != 0)
    throw errno_error(fmt::format("cannot steer what comes on UDP port {}", port_));
  set_buffer(fragmenting_, SO_RCVBUFFORCE, SO_RCVBUF, kReceiveBuffer);
  set(fragmenting_, SOL_UDP, UDP_GRO, 1);
}

SleevePort::Sent SleeveUdp::send(const UdpAddress& to, Ipv4 from, ByteView payload, bool df) const {
  Message message(to, from, payload);
  if (sendmsg(socket_for(df), &message.header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return {};
  int error = errno;
  return {false, error == EMSGSIZE ? path_mtu(to, from) : 0, errno_text(error)};
}

SleeveUdp::BatchSent SleeveUdp::send_batch(const UdpAddress& to, Ipv4 from, ByteView packets, size_t packet_size,
                                           bool df, bool wait) {
  int flags = MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT);
  BatchSent out;
  if (packets.size() > packet_size && segmentation_.load(std::memory_order_relaxed)) {
    Message message(to, from, packets);
    message.add(SOL_UDP, UDP_SEGMENT, static_cast<uint16_t>(packet_size));
    if (sendmsg(socket_for(df), &message.header, flags) >= 0) return out;
    // The interface can't do it. With other reasons the packets are tried one by one, which tells them apart.
    if (errno == EIO || errno == ENOPROTOOPT) segmentation_.store(false, std::memory_order_relaxed);
    if (errno == EAGAIN) {
      out.refused = (packets.size() + packet_size - 1) / packet_size;
      out.last = {false, 0, errno_text(EAGAIN)};
      return out;
    }
  }
  for (size_t at = 0; at < packets.size(); at += packet_size) {
    auto packet = packets.subspan(at, std::min(packet_size, packets.size() - at));
    Message message(to, from, packet);
    if (sendmsg(socket_for(df), &message.header, flags) >= 0) continue;
    int error = errno;
    ++out.refused;
    out.last = {false, error == EMSGSIZE && out.last.path_mtu == 0 ? path_mtu(to, from) : out.last.path_mtu,
                errno_text(error)};
  }
  return out;
}

SleeveUdp::Inbox::Inbox() : buffers_(kMessages * kBufferSize) {}

bool SleeveUdp::Inbox::receive(const SleeveUdp& udp,
                               const std::function<void(std::span<uint8_t>, const UdpAddress&)>& handle) {
  std::array<mmsghdr, kMessages> headers{};
  std::array<iovec, kMessages> data;
  std::array<sockaddr_in, kMessages> from{};
  struct Control {
    alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(int))> space;
  };
  std::array<Control, kMessages> control;
  for (size_t i = 0; i < kMessages; ++i) {
    data[i] = {&buffers_[i * kBufferSize], kBufferSize};
    auto& header = headers[i].msg_hdr;
    header.msg_name = &from[i];
    header.msg_namelen = sizeof from[i];
    header.msg_iov = &data[i];
    header.msg_iovlen = 1;
    header.msg_control = control[i].space.data();
    header.msg_controllen = control[i].space.size();
  }
  int count = recvmmsg(udp.receiver(), headers.data(), kMessages, MSG_DONTWAIT, nullptr);
  for (int i = 0; i < count; ++i) {
    auto& message = headers[static_cast<size_t>(i)];
    size_t size = message.msg_len, packet_size = size;
    auto& header = message.msg_hdr;
    for (auto* item = CMSG_FIRSTHDR(&header); item; item = CMSG_NXTHDR(&header, item))
      if (item->cmsg_level == SOL_UDP && item->cmsg_type == UDP_GRO) {
        int together = 0;
        std::memcpy(&together, CMSG_DATA(item), sizeof together);
        if (together > 0) packet_size = static_cast<size_t>(together);
      }
    auto& sender = from[static_cast<size_t>(i)];
    UdpAddress address{{ntohl(sender.sin_addr.s_addr)}, ntohs(sender.sin_port)};
    auto packets = std::span(buffers_).subspan(static_cast<size_t>(i) * kBufferSize, size);
    for (size_t at = 0; at < size; at += packet_size)
      handle(packets.subspan(at, std::min(packet_size, size - at)), address);
  }
  return count > 0;
}

}  // namespace weave::overlay
