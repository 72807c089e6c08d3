#include "host/netlink_socket.hpp"

#include <sys/socket.h>

#include <climits>

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

bool AnswerReader::feed(ByteView left) {
  while (left.size() >= sizeof(nlmsghdr)) {
    auto header = read_fixed<nlmsghdr>(left);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > left.size()) throw Error("malformed netlink answer");
    auto body = left.subspan(NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN);
    left = left.subspan(std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), left.size()));
    if (header.nlmsg_seq != sequence_) continue;
    if (header.nlmsg_flags & NLM_F_DUMP_INTR) interrupted_ = true;
    if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) {
      finish(header.nlmsg_type, header.nlmsg_flags, body);
      return true;
    }
    answer_.messages.emplace_back(body.begin(), body.end());
  }
  return false;
}

void AnswerReader::finish(uint16_t type, uint16_t flags, ByteView body) {
  auto code = read_fixed<int>(body);
  if (code > 0 || code == INT_MIN) throw Error("malformed netlink answer");
  answer_.code = -code;
  if (type == NLMSG_ERROR && (flags & NLM_F_ACK_TLVS)) {
    // Without NLM_F_CAPPED the request's payload comes back ahead of the explanation.
    auto error = read_fixed<nlmsgerr>(body);
    size_t skip = sizeof error;
    if (!(flags & NLM_F_CAPPED))
      skip += std::max<size_t>(NLMSG_ALIGN(error.msg.nlmsg_len), NLMSG_HDRLEN) - NLMSG_HDRLEN;
    each_attribute(body.subspan(std::min(skip, body.size())), [&](uint16_t attribute, ByteView value) {
      if (attribute == NLMSGERR_ATTR_MSG) answer_.text = read_text(value);
    });
  }
  if (answer_.code == 0 && interrupted_) answer_.code = EINTR;
}

// A dump during which the tables changed is taken again.
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
  AnswerReader reader(sequence);
  Bytes buffer(64 * 1024);
  for (;;) {
    ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw errno_error("cannot receive from netlink");
    if (reader.feed(ByteView(buffer).first(static_cast<size_t>(got)))) return reader.take();
  }
}

NetlinkSocket::Answer NetlinkSocket::checked(Bytes request, const std::string& attempted) {
  auto answer = exchange(std::move(request));
  if (answer.code) throw Error(explained(attempted, answer.code, answer.text));
  return answer;
}

}  // namespace weave::host
