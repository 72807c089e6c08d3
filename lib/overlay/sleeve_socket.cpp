#include "overlay/sleeve_socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/fd.hpp"
#include "base/log.hpp"

namespace weave::overlay {

namespace {

using asio::ip::udp;
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr int receive_buffer = 1024 * 1024;  // bytes; a fragmentation test alone takes 60 KB
constexpr int packets_per_turn = 64;         // then others have their turn

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

}  // namespace

struct SleeveSocket::Impl : std::enable_shared_from_this<SleeveSocket::Impl> {
  struct Receiver {
    Sleeve* sleeve;
    std::function<void()> changed;
  };

  Impl(const asio::any_io_executor& executor, Ipv4 host, uint16_t port) : socket(executor) {
    udp::endpoint endpoint(asio::ip::address_v4(host.value), port);
    boost::system::error_code code;
    socket.open(udp::v4(), code);
    if (!code) socket.bind(endpoint, code);
    if (!code) socket.non_blocking(true, code);
    if (code)
      throw Error(fmt::format("cannot listen on UDP {}:{}: {}", host.str(), port, code.message()),
                  code == asio::error::address_in_use ? "another program listens there; see `ss -lup`" : "");
    bound = {{host.value}, socket.local_endpoint().port()};
    socket.set_option(asio::socket_base::receive_buffer_size(receive_buffer), code);
    link.send = [this](const UdpAddress& to, Ipv4 from, ByteView payload, bool df) {
      return send(to, from, payload, df);
    };
  }

  SleevePort::Sent send(const UdpAddress& to, Ipv4 from, ByteView payload, bool df) {
    if (!socket.is_open()) return {false, 0, "the socket is closed"};
    // One socket, because the peer answers to the port that packets come from.
    int discover = df ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;
    if (discover != discovering &&
        setsockopt(socket.native_handle(), IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover) == 0)
      discovering = discover;
    auto remote = to_sockaddr(to);
    iovec data{const_cast<uint8_t*>(payload.data()), payload.size()};
    msghdr message{};
    message.msg_name = &remote;
    message.msg_namelen = sizeof remote;
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(in_pktinfo))> space{};
    if (from.value != 0) {
      message.msg_control = space.data();
      message.msg_controllen = space.size();
      auto* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = IPPROTO_IP;
      header->cmsg_type = IP_PKTINFO;
      header->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
      in_pktinfo info{};
      info.ipi_spec_dst.s_addr = htonl(from.value);
      std::memcpy(CMSG_DATA(header), &info, sizeof info);
    }
    auto sent = sendmsg(socket.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return {};
    int error = errno;
    return {false, error == EMSGSIZE ? path_mtu(to, from) : 0, errno_text(error)};
  }

  // One packet; false when there is none.
  bool receive() {
    sockaddr_in from{};
    socklen_t from_size = sizeof from;
    auto size = recvfrom(socket.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                         reinterpret_cast<sockaddr*>(&from), &from_size);
    if (size < 0) return false;
    ByteView packet(buffer.data(), static_cast<size_t>(size));
    auto sender = sleeve_sender(packet);
    auto found = sender ? receivers.find(*sender) : receivers.end();
    if (found == receivers.end()) return true;
    // Whoever hears of the change may end the connection, and the forwarder with it.
    auto changed = found->second.changed;
    found->second.sleeve->receive(packet, {{ntohl(from.sin_addr.s_addr)}, ntohs(from.sin_port)},
                                  std::chrono::steady_clock::now());
    if (changed) changed();
    return true;
  }

  static asio::awaitable<void> run(std::shared_ptr<Impl> self) {
    while (self->socket.is_open()) {
      auto [code] = co_await self->socket.async_wait(udp::socket::wait_read, kTuple);
      if (!self->socket.is_open()) co_return;
      if (code) {
        log::warning("sleeve: can't wait for packets: {}", code.message());
        asio::steady_timer pause(self->socket.get_executor(), std::chrono::milliseconds(100));
        co_await pause.async_wait(kTuple);
        continue;
      }
      for (int i = 0; i < packets_per_turn && self->socket.is_open() && self->receive(); ++i) {
      }
    }
  }

  udp::socket socket;
  UdpAddress bound;
  int discovering = -1;
  SleevePort link;
  std::map<PeerName, Receiver> receivers;
  std::array<uint8_t, 65536> buffer{};
};

namespace {

// Gets the peer's packets as long as it lives. A newer connection to the same peer takes them over.
template <class Impl>
class RegisteredSleeve : public Sleeve {
 public:
  RegisteredSleeve(std::shared_ptr<Impl> impl, Link link, std::function<void()> changed)
      : Sleeve(link, impl->link), impl_(std::move(impl)), remote_(link.remote), changed_(std::move(changed)) {}
  ~RegisteredSleeve() override {
    auto found = impl_->receivers.find(remote_);
    if (found != impl_->receivers.end() && found->second.sleeve == this) impl_->receivers.erase(found);
  }
  void confirm(Time now) override {
    impl_->receivers[remote_] = {this, changed_};
    Sleeve::confirm(now);
  }

 private:
  std::shared_ptr<Impl> impl_;
  PeerName remote_;
  std::function<void()> changed_;
};

}  // namespace

SleeveSocket::SleeveSocket(asio::any_io_executor executor, Ipv4 host, uint16_t port)
    : impl_(std::make_shared<Impl>(executor, host, port)) {
  asio::co_spawn(executor, Impl::run(impl_), asio::detached);
}

SleeveSocket::~SleeveSocket() {
  boost::system::error_code ignored;
  impl_->socket.close(ignored);
}

Result<std::unique_ptr<Forwarder>> SleeveSocket::make(Link link, std::function<void()> changed) {
  if (!link.local || !link.remote_address) return Refused("sleeve needs an IPv4 connection");
  return std::make_unique<RegisteredSleeve<Impl>>(impl_, std::move(link), std::move(changed));
}

void SleeveSocket::on_frame(std::function<void(PeerName, PeerName, ByteView)> deliver) {
  impl_->link.deliver = std::move(deliver);
}

uint16_t SleeveSocket::port() const {
  return impl_->bound.port;
}

}  // namespace weave::overlay
