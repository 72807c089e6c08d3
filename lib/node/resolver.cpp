#include "node/resolver.hpp"

#include <ares.h>
#include <netdb.h>
#include <poll.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weave::mesh {

namespace {

// Questions are rare, and the library's sockets come and go within them: looking at them this often is simpler than
// to register and unregister each, and costs nothing that matters.
constexpr auto kLookInterval = std::chrono::milliseconds(5);
constexpr int kFirstTimeoutMs = 1500;  // of a server, before the next is asked
constexpr int kTries = 2;

// A channel of its own for each question: so it is always today's resolv.conf that counts.
class Question {
 public:
  Question(const std::string& host, const std::string& servers) {
    static const int library = ares_library_init(ARES_LIB_INIT_ALL);
    status_ = library;
    if (library != ARES_SUCCESS) return;
    ares_options options{};
    options.timeout = kFirstTimeoutMs;
    options.tries = kTries;
    status_ = ares_init_options(&channel_, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
    if (status_ == ARES_SUCCESS && !servers.empty()) status_ = ares_set_servers_ports_csv(channel_, servers.c_str());
    if (status_ != ARES_SUCCESS) return;
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    pending_ = true;
    ares_getaddrinfo(channel_, host.c_str(), nullptr, &hints, answered, this);
  }
  ~Question() {
    if (channel_) ares_destroy(channel_);
  }
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  bool pending() const { return pending_; }
  void work() {
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    int wanted = ares_getsock(channel_, sockets, ARES_GETSOCK_MAXNUM);
    std::vector<pollfd> ready;
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
      short events = static_cast<short>((ARES_GETSOCK_READABLE(wanted, i) ? POLLIN : 0) |
                                        (ARES_GETSOCK_WRITABLE(wanted, i) ? POLLOUT : 0));
      if (events) ready.push_back({sockets[i], events, 0});
    }
    if (poll(ready.data(), ready.size(), 0) > 0)
      for (const auto& socket : ready) {
        bool readable = socket.revents & (POLLIN | POLLERR | POLLHUP), writable = socket.revents & POLLOUT;
        if (readable || writable)
          ares_process_fd(channel_, readable ? socket.fd : ARES_SOCKET_BAD, writable ? socket.fd : ARES_SOCKET_BAD);
      }
    // Time-outs.
    ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  }
  const char* reason() const { return ares_strerror(status_); }
  bool ok() const { return status_ == ARES_SUCCESS; }
  std::vector<Ip> take() { return std::move(addresses_); }

 private:
  static void answered(void* self, int status, int, ares_addrinfo* result) {
    auto& question = *static_cast<Question*>(self);
    question.pending_ = false;
    question.status_ = status;
    if (result) {
      question.take_addresses(*result);
      ares_freeaddrinfo(result);
    }
  }
  void take_addresses(const ares_addrinfo& result) {
    for (int family : {AF_INET, AF_INET6})
      for (const auto* node = result.nodes; node; node = node->ai_next) {
        if (node->ai_family != family) continue;
        Ip ip;
        if (family == AF_INET) {
          ip = Ip(Ipv4{ntohl(reinterpret_cast<const sockaddr_in*>(node->ai_addr)->sin_addr.s_addr)});
        } else {
          std::array<uint8_t, 16> bytes;
          const auto& from = reinterpret_cast<const sockaddr_in6*>(node->ai_addr)->sin6_addr;
          std::copy_n(from.s6_addr, bytes.size(), bytes.begin());
          ip = Ip(bytes);
        }
        if (std::find(addresses_.begin(), addresses_.end(), ip) == addresses_.end()) addresses_.push_back(ip);
      }
  }

  ares_channel channel_ = nullptr;
  bool pending_ = false;
  int status_ = ARES_SUCCESS;
  std::vector<Ip> addresses_;
};

}  // namespace

asio::awaitable<Result<std::vector<Ip>>> resolve(std::string host, ResolverConfig config) {
  if (auto ip = Ip::parse(host)) co_return std::vector<Ip>{*ip};
  Question question(host, config.servers);
  asio::steady_timer timer(co_await asio::this_coro::executor);
  auto deadline = std::chrono::steady_clock::now() + config.timeout;
  while (question.pending() && std::chrono::steady_clock::now() < deadline) {
    question.work();
    if (!question.pending()) break;
    timer.expires_after(kLookInterval);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  if (question.pending()) co_return Refused(fmt::format("cannot resolve {}: no answer", host));
  if (!question.ok()) co_return Refused(fmt::format("cannot resolve {}: {}", host, question.reason()));
  auto addresses = question.take();
  if (addresses.empty()) co_return Refused(fmt::format("cannot resolve {}: it has no address", host));
  co_return addresses;
}

}  // namespace weave::mesh
