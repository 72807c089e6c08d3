#include "host/netlink_socket.hpp"

#include <sys/socket.h>

#include "base/error.hpp"
#include "host/netlink_message.hpp"

namespace weave::host {

NetlinkSocket::NetlinkSocket(int protocol) : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)) {
  if (!socket_) throw errno_error("cannot open a netlink socket");
  int on = 1;
  // Explanations beside the errno, without our own request sent back. Older kernels lack them; nothing is lost.
  ::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  ::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
}

std::string explained(const std::string& attempted, int code, const std::string& text) {
  return text.empty() ? fmt::format("{}: {}", attempted, errno_text(code))
                      : fmt::format("{}: {} ({})", attempted, errno_text(code), text);
}

// A dump during which the tables changed may have holes; the kernel marks it, and it is taken again.
NetlinkSocket::Answer NetlinkSocket::exchange(Bytes request) {
  Answer answer{.code = EINTR};
  for (int attempt = 0; attempt < 10 && answer.code == EINTR; ++attempt) answer = exchange_once(request);
  explicit_bzero(request.data(), request.size());  // it may hold a key
  return answer;
}

NetlinkSocket::Answer NetlinkSocket::exchange_once(Bytes& request) {
  uint32_t sequence = ++sequence_;
  std::memcpy(request.data() + offsetof(nlmsghdr, nlmsg_seq), &sequence, sizeof sequence);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (::sendto(socket_.get(), request.data(), request.size(), 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) <
      0)
    throw errno_error("cannot send to netlink");
  Answer answer;
  bool interrupted = false;
  Bytes buffer(64 * 1024);
  for (;;) {
    ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw errno_error("cannot receive from netlink");
    ByteView left(buffer.data(), static_cast<size_t>(got));
    while (left.size() >= sizeof(nlmsghdr)) {
      auto header = read_fixed<nlmsghdr>(left);
      if (header.nlmsg_len < sizeof header || header.nlmsg_len > left.size()) throw Error("malformed netlink answer");
      auto body = left.subspan(NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN);
      left = left.subspan(std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), left.size()));
      if (header.nlmsg_seq != sequence) continue;
      if (header.nlmsg_flags & NLM_F_DUMP_INTR) interrupted = true;
      if (header.nlmsg_type != NLMSG_ERROR && header.nlmsg_type != NLMSG_DONE) {
        answer.messages.emplace_back(body.begin(), body.end());
        continue;
      }
      answer.code = -read_fixed<int>(body);
      if (header.nlmsg_type == NLMSG_ERROR && (header.nlmsg_flags & NLM_F_ACK_TLVS)) {
        // Without NLM_F_CAPPED the request's payload comes back ahead of the explanation.
        auto error = read_fixed<nlmsgerr>(body);
        size_t skip = sizeof error;
        if (!(header.nlmsg_flags & NLM_F_CAPPED)) skip += NLMSG_ALIGN(error.msg.nlmsg_len) - sizeof(nlmsghdr);
        each_attribute(body.subspan(std::min(skip, body.size())), [&](uint16_t type, ByteView value) {
          if (type == NLMSGERR_ATTR_MSG) answer.text = read_text(value);
        });
      }
      if (answer.code == 0 && interrupted) answer.code = EINTR;
      return answer;
    }
  }
}

NetlinkSocket::Answer NetlinkSocket::checked(Bytes request, const std::string& attempted) {
  auto answer = exchange(std::move(request));
  if (answer.code) throw Error(explained(attempted, answer.code, answer.text));
  return answer;
}

}  // namespace weave::host
