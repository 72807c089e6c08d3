#include "dns/server.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "base/asio.hpp"
#include "base/log.hpp"
#include "dns/answer.hpp"
#include "dns/forward.hpp"

namespace weave::dns {

namespace {

using asio::ip::tcp;
using asio::ip::udp;
constexpr auto kTcpIdle = std::chrono::seconds(10);
constexpr size_t kMaxQuery = 4096;
constexpr size_t kBatch = 32;  // datagrams a system call
constexpr size_t kControlSize = 64;

// A datagram's sender, and the address of ours that it was sent to: the reply must come from there.
struct Origin {
  sockaddr_storage peer{};
  socklen_t peer_size = sizeof(sockaddr_storage);
  alignas(cmsghdr) std::array<uint8_t, kControlSize> control{};
  size_t control_used = 0;
};

// Asks the kernel to tell the local address of each datagram. Matters when we listen on the wildcard address.
void want_local_address(int fd, bool v6) {
  int on = 1;
  if (v6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  else
    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
}

// Turns what recvmsg told into what sendmsg wants: the source address, but no fixed interface.
void as_source(msghdr& message) {
  for (auto* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      memcpy(&info, CMSG_DATA(c), sizeof info);
      info.ipi_ifindex = 0;
      memcpy(CMSG_DATA(c), &info, sizeof info);
    }
  }
}

[[noreturn]] void throw_bind(const std::string& address, uint16_t port, bool is_tcp,
                             const boost::system::error_code& code) {
  auto message =
      fmt::format("can't listen for DNS on {} ({}): {}", address, is_tcp ? "TCP" : "UDP", errno_text(code.value()));
  if (code == asio::error::address_in_use)
    if (auto holder = port_holder(port, is_tcp); !holder.empty())
      message += fmt::format("; port {} is held by {}", port, holder);
  throw Error(message, "stop that program, choose another address with --dns-listen-address, or use --no-dns");
}

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::any_io_executor ex, Config c, const names::Index& t)
      : executor(std::move(ex)), config(std::move(c)), table(t), random(std::random_device{}()) {
    zone.domain = names::canonical(config.domain);
    zone.ttl = config.ttl;
    zone.local = config.local;
    ForwardConfig forward;
    forward.resolv_conf = config.resolv_conf;
    forward.timeout = config.timeout;
    forward.port = config.upstream_port;
    for (const auto& listen : config.listen) forward.own.push_back(bind(listen));
    forwarder = std::make_unique<Forwarder>(executor, std::move(forward));
  }

  asio::ip::address bind(const SocketAddress& listen) {
    auto address = asio::ip::make_address(listen.ip.str());
    auto port = listen.port;
    boost::system::error_code code;

    udp::socket socket(executor);
    udp::endpoint endpoint(address, port);
    socket.open(endpoint.protocol(), code);
    if (!code && address.is_v6()) socket.set_option(asio::ip::v6_only(true), code);
    if (!code) socket.bind(endpoint, code);
    if (code) throw_bind(listen.str(), port, false, code);
    socket.non_blocking(true);
    want_local_address(socket.native_handle(), address.is_v6());
    port = socket.local_endpoint().port();
    udp_sockets.push_back(std::move(socket));

    tcp::acceptor acceptor(executor);
    tcp::endpoint tcp_endpoint(address, port);
    acceptor.open(tcp_endpoint.protocol(), code);
    if (!code) acceptor.set_option(tcp::acceptor::reuse_address(true), code);
    if (!code && address.is_v6()) acceptor.set_option(asio::ip::v6_only(true), code);
    if (!code) acceptor.bind(tcp_endpoint, code);
    if (!code) acceptor.listen(asio::socket_base::max_listen_connections, code);
    if (code) throw_bind(listen.str(), port, true, code);
    acceptors.push_back(std::move(acceptor));
    return address;
  }

  void start() {
    for (auto& socket : udp_sockets) asio::co_spawn(executor, serve_udp(shared_from_this(), socket), asio::detached);
    for (auto& acceptor : acceptors) asio::co_spawn(executor, serve_tcp(shared_from_this(), acceptor), asio::detached);
  }

  void stop() {
    boost::system::error_code ignored;
    for (auto& socket : udp_sockets) socket.close(ignored);
    for (auto& acceptor : acceptors) acceptor.close(ignored);
    for (auto& weak : connections)
      if (auto connection = weak.lock()) connection->close(ignored);
    connections.clear();
  }

  Answer decide(ByteView message, Transport transport) {
    auto result = answer(table, message, transport, zone, random);
    switch (result.kind) {
      case Answer::Kind::kDrop:
        ++status.dropped;
        break;
      case Answer::Kind::kForward:
        ++status.forwarded;
        break;
      case Answer::Kind::kReply:
        ++(result.rcode == kRcodeNoerror || result.rcode == kRcodeNxdomain ? status.answered : status.refused);
    }
    return result;
  }

  asio::awaitable<Bytes> forward(Bytes query, Transport transport, size_t limit) {
    auto reply = co_await forwarder->forward(std::move(query), transport, limit);
    if (auto header = parse_header(reply); header && header->rcode() == kRcodeServfail) ++status.failed;
    co_return reply;
  }

  static asio::awaitable<void> forward_udp(std::shared_ptr<Impl> self, udp::socket& socket, Origin origin, Bytes query,
                                           size_t limit) {
    auto reply = co_await self->forward(std::move(query), Transport::kUdp, limit);
    if (!socket.is_open()) co_return;
    iovec part{reply.data(), reply.size()};
    msghdr message{};
    message.msg_name = &origin.peer;
    message.msg_namelen = origin.peer_size;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = origin.control_used ? origin.control.data() : nullptr;
    message.msg_controllen = origin.control_used;
    // A reply that can't be sent now is lost, as datagrams may be.
    sendmsg(socket.native_handle(), &message, MSG_DONTWAIT);
  }

  // Reads and replies by the batch: most queries arrive while others are answered, and system calls dominate the cost.
  static asio::awaitable<void> serve_udp(std::shared_ptr<Impl> self, udp::socket& socket) {
    struct Slot {
      std::array<uint8_t, kMaxQuery> buffer;
      Origin origin;
      iovec part;
      Bytes reply;
    };
    auto slots = std::make_unique<std::array<Slot, kBatch>>();
    std::array<mmsghdr, kBatch> in, out;
    for (;;) {
      auto [code] = co_await socket.async_wait(udp::socket::wait_read, kAsResult);
      if (code) co_return;
      for (size_t i = 0; i < kBatch; ++i) {
        auto& slot = (*slots)[i];
        slot.part = {slot.buffer.data(), slot.buffer.size()};
        in[i] = {};
        in[i].msg_hdr = {&slot.origin.peer,          sizeof slot.origin.peer,    &slot.part, 1,
                         slot.origin.control.data(), slot.origin.control.size(), 0};
      }
      int received = recvmmsg(socket.native_handle(), in.data(), kBatch, MSG_DONTWAIT, nullptr);
      unsigned replies = 0;
      for (int i = 0; i < received; ++i) {
        auto& slot = (*slots)[i];
        auto& header = in[i].msg_hdr;
        if (header.msg_flags & MSG_TRUNC) {
          ++self->status.dropped;
          continue;
        }
        as_source(header);
        ByteView query(slot.buffer.data(), in[i].msg_len);
        auto result = self->decide(query, Transport::kUdp);
        if (result.kind == Answer::Kind::kDrop) continue;
        if (result.kind == Answer::Kind::kForward) {
          auto origin = slot.origin;
          origin.peer_size = header.msg_namelen;
          origin.control_used = header.msg_controllen;
          asio::co_spawn(self->executor,
                         forward_udp(self, socket, origin, Bytes(query.begin(), query.end()), result.limit),
                         asio::detached);
          continue;
        }
        slot.reply = std::move(result.bytes);
        slot.part = {slot.reply.data(), slot.reply.size()};
        header.msg_flags = 0;
        if (header.msg_controllen == 0) header.msg_control = nullptr;
        out[replies++] = in[i];
      }
      for (unsigned sent = 0; sent < replies;) {
        int count = sendmmsg(socket.native_handle(), out.data() + sent, replies - sent, MSG_DONTWAIT);
        // The first of the rest can't be sent (full buffer, unreachable client): it is lost, the others are sent.
        sent += count > 0 ? static_cast<unsigned>(count) : 1;
      }
    }
  }

  static asio::awaitable<void> serve_tcp(std::shared_ptr<Impl> self, tcp::acceptor& acceptor) {
    for (;;) {
      auto [code, socket] = co_await acceptor.async_accept(kAsResult);
      if (code == asio::error::operation_aborted || !acceptor.is_open()) co_return;
      if (code) {
        // Out of descriptors, mostly: others may close theirs meanwhile.
        asio::steady_timer pause(self->executor, std::chrono::milliseconds(100));
        co_await pause.async_wait(kAsResult);
        continue;
      }
      std::erase_if(self->connections, [](const auto& weak) { return weak.expired(); });
      if (self->connections.size() >= self->config.max_tcp_connections) continue;
      auto connection = std::make_shared<tcp::socket>(std::move(socket));
      self->connections.push_back(connection);
      asio::co_spawn(self->executor, serve_connection(self, connection), asio::detached);
    }
  }

  static asio::awaitable<void> serve_connection(std::shared_ptr<Impl> self, std::shared_ptr<tcp::socket> socket) {
    asio::steady_timer idle(self->executor);
    auto watch = [&] {
      idle.expires_after(kTcpIdle);
      idle.async_wait([weak = std::weak_ptr(socket)](boost::system::error_code code) {
        boost::system::error_code ignored;
        if (auto late = weak.lock(); late && !code) late->close(ignored);
      });
    };
    boost::system::error_code code;
    size_t count = 0;
    for (;;) {
      watch();
      std::array<uint8_t, 2> length{};
      std::tie(code, count) = co_await asio::async_read(*socket, asio::buffer(length), kAsResult);
      if (code) co_return;
      Bytes query(length[0] << 8 | length[1]);
      std::tie(code, count) = co_await asio::async_read(*socket, asio::buffer(query), kAsResult);
      if (code) co_return;
      idle.cancel();
      auto result = self->decide(query, Transport::kTcp);
      if (result.kind == Answer::Kind::kDrop) co_return;
      if (result.kind == Answer::Kind::kForward)
        result.bytes = co_await self->forward(std::move(query), Transport::kTcp, result.limit);
      Writer framed;
      framed.u16(static_cast<uint16_t>(result.bytes.size()));
      framed.bytes(result.bytes);
      watch();
      std::tie(code, count) = co_await asio::async_write(*socket, asio::buffer(framed.out()), kAsResult);
      if (code) co_return;
    }
  }

  asio::any_io_executor executor;
  Config config;
  const names::Index& table;
  std::mt19937 random;
  Zone zone;
  std::unique_ptr<Forwarder> forwarder;
  // Coroutines hold references to the elements, so both lists are complete before start().
  std::vector<udp::socket> udp_sockets;
  std::vector<tcp::acceptor> acceptors;
  std::vector<std::weak_ptr<tcp::socket>> connections;
  Status status;
};

Server::Server(asio::any_io_executor executor, Config config, const names::Index& table)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(config), table)) {}

Server::~Server() {
  stop();
}

void Server::start() {
  impl_->start();
}
void Server::stop() {
  impl_->stop();
}

std::vector<SocketAddress> Server::listening() const {
  std::vector<SocketAddress> addresses;
  for (const auto& socket : impl_->udp_sockets) {
    auto bound = socket.local_endpoint();
    addresses.push_back({Ip::parse(bound.address().to_string()).value(), bound.port()});
  }
  return addresses;
}

Status Server::status() const {
  auto status = impl_->status;
  status.upstreams = impl_->forwarder->upstreams();
  return status;
}

}  // namespace weave::dns
