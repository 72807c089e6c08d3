#include "dns/forward.hpp"

#include <sys/random.h>
#include <sys/stat.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "base/asio.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "dns/message.hpp"

namespace weave::dns {

namespace {

using Clock = std::chrono::steady_clock;
using asio::ip::tcp;
using asio::ip::udp;
constexpr auto kCheckInterval = std::chrono::seconds(5);
// A server that let a query run out is asked after the others for this long.
constexpr auto kDeadTime = std::chrono::seconds(30);

uint16_t random_id() {
  uint16_t id = 0;
  if (getrandom(&id, sizeof id, 0) != sizeof id) throw errno_error("can't get random bytes for a DNS id");
  return id;
}

Bytes with_id(Bytes message, uint16_t id) {
  message[0] = static_cast<uint8_t>(id >> 8);
  message[1] = static_cast<uint8_t>(id);
  return message;
}

uint16_t id_of(ByteView message) {
  return static_cast<uint16_t>(message[0] << 8 | message[1]);
}

}  // namespace

std::vector<std::string> parse_resolv_conf(std::string_view text) {
  std::vector<std::string> servers;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    constexpr std::string_view blank = " \t\r", keyword = "nameserver";
    if (!line.starts_with(keyword)) continue;
    line.remove_prefix(keyword.size());
    auto start = line.find_first_not_of(blank);
    if (start == 0 || start == line.npos) continue;
    line.remove_prefix(start);
    servers.emplace_back(line.substr(0, line.find_first_of(blank)));
  }
  return servers;
}

// One query under way to several servers.
struct Forwarder::Race {
  Race(const asio::any_io_executor& executor, Bytes asked) : query(std::move(asked)), wake(executor) {}

  Bytes query;   // with the client's id
  Bytes winner;  // the first good reply
  Bytes second;  // the first SERVFAIL or REFUSED, in case that there is no better one
  size_t running = 0;
  bool done = false;
  asio::steady_timer wake;  // cancelled when a reply or a failure arrives
  std::vector<std::function<void()>> closers;

  // True when the reply ends the race for its server.
  bool offer(Bytes reply, uint16_t id) {
    if (done || reply.size() < kHeaderSize || id_of(reply) != id || !answers(reply, query)) return done;
    auto rcode = parse_header(reply)->rcode();
    reply = with_id(std::move(reply), id_of(query));
    if (rcode == kRcodeServfail || rcode == kRcodeRefused) {
      if (second.empty()) second = std::move(reply);
    } else {
      winner = std::move(reply);
      done = true;
    }
    return true;
  }
  void finish() {
    done = true;
    for (auto& close : closers) close();
    closers.clear();
  }
};

Forwarder::Forwarder(asio::any_io_executor executor, ForwardConfig config)
    : executor_(std::move(executor)), config_(std::move(config)) {}

bool Forwarder::is_loop(const asio::ip::address& address) const {
  for (const auto& own : config_.own)
    if (own == address || (own.is_unspecified() && address.is_loopback())) return true;
  return false;
}

void Forwarder::reload() {
  auto now = Clock::now();
  if (config_.resolv_conf.empty() || (checked_ != Clock::time_point{} && now - checked_ < kCheckInterval)) return;
  checked_ = now;
  struct stat status {};
  if (stat(config_.resolv_conf.c_str(), &status) != 0) {
    if (!std::exchange(unreadable_, true))
      log::warning("cannot read the name servers, the old ones stay in use: file={} reason={}", config_.resolv_conf,
                   errno_text(errno));
    return;
  }
  std::tuple<int64_t, int64_t, uint64_t, int64_t> version{status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ino,
                                                          status.st_size};
  if (version == version_) {
    unreadable_ = false;
    return;
  }
  try {
    upstreams_ = parse_resolv_conf(read_file(config_.resolv_conf));
  } catch (const Error& error) {
    if (!std::exchange(unreadable_, true))
      log::warning("cannot read the name servers, the old ones stay in use: reason={}", error.what());
    return;
  }
  unreadable_ = false;
  version_ = version;
  servers_.clear();
  for (const auto& text : upstreams_) {
    boost::system::error_code code;
    auto address = asio::ip::make_address(text, code);
    if (code)
      log::warning("a name server is ignored, it is not an IP address: file={} server={}", config_.resolv_conf, text);
    else if (!is_loop(address))
      servers_.push_back(std::make_shared<Server>(Server{address}));
  }
}

const std::vector<std::string>& Forwarder::upstreams() {
  reload();
  return upstreams_;
}

asio::awaitable<void> Forwarder::ask_udp(std::shared_ptr<Race> race, std::shared_ptr<Server> server, uint16_t port) {
  // A socket a question: its source port is random, and only this server can answer it.
  auto socket = std::make_shared<udp::socket>(co_await asio::this_coro::executor);
  race->closers.push_back([socket] {
    boost::system::error_code ignored;
    socket->close(ignored);
  });
  udp::endpoint endpoint(server->address, port);
  auto id = random_id();
  auto query = with_id(race->query, id);
  boost::system::error_code code;
  socket->open(endpoint.protocol(), code);
  if (!code) socket->connect(endpoint, code);
  if (!code) socket->send(asio::buffer(query), 0, code);
  bool over = race->done;
  while (!code && !over) {
    std::tie(code) = co_await socket->async_wait(udp::socket::wait_read, kAsResult);
    if (code) break;
    auto size = socket->available(code);
    if (code) break;
    Bytes reply(size);
    size = socket->receive(asio::buffer(reply), 0, code);
    reply.resize(size);
    over = race->offer(std::move(reply), id);
  }
  --race->running;
  race->wake.cancel();
}

asio::awaitable<void> Forwarder::ask_tcp(std::shared_ptr<Race> race, std::shared_ptr<Server> server, uint16_t port) {
  auto socket = std::make_shared<tcp::socket>(co_await asio::this_coro::executor);
  race->closers.push_back([socket] {
    boost::system::error_code ignored;
    socket->close(ignored);
  });
  auto id = random_id();
  Writer framed;
  framed.u16(static_cast<uint16_t>(race->query.size()));
  framed.bytes(with_id(race->query, id));
  auto [code] = co_await socket->async_connect(tcp::endpoint(server->address, port), kAsResult);
  size_t count = 0;
  if (!code) std::tie(code, count) = co_await asio::async_write(*socket, asio::buffer(framed.out()), kAsResult);
  bool over = race->done;
  while (!code && !over) {
    std::array<uint8_t, 2> length{};
    std::tie(code, count) = co_await asio::async_read(*socket, asio::buffer(length), kAsResult);
    if (code) break;
    Bytes reply(id_of(length));
    std::tie(code, count) = co_await asio::async_read(*socket, asio::buffer(reply), kAsResult);
    if (!code) over = race->offer(std::move(reply), id);
  }
  --race->running;
  race->wake.cancel();
}

asio::awaitable<Bytes> Forwarder::forward(Bytes query, Transport transport, size_t limit) {
  reload();
  auto servers = servers_;  // the list may be replaced while we wait
  auto now = Clock::now();
  std::stable_partition(servers.begin(), servers.end(), [&](const auto& server) { return server->dead_until <= now; });
  auto race = std::make_shared<Race>(executor_, std::move(query));
  Servers asked;
  if (in_flight_ < config_.max_in_flight && !servers.empty()) {
    struct Count {
      size_t& count;
      explicit Count(size_t& c) : count(c) { ++count; }
      ~Count() { --count; }
    } counted(in_flight_);
    auto deadline = now + config_.timeout;
    for (size_t next = 0; !race->done && Clock::now() < deadline;) {
      auto until = deadline;
      if (next < servers.size()) {
        auto& server = servers[next++];
        ++race->running;
        asked.push_back(server);
        auto ask = transport == Transport::kUdp ? ask_udp : ask_tcp;
        asio::co_spawn(executor_, ask(race, server, config_.port), asio::detached);
        until = std::min(deadline, Clock::now() + config_.stagger);
      } else if (race->running == 0) {
        break;
      }
      race->wake.expires_at(until);
      co_await race->wake.async_wait(kAsResult);
    }
    // Queries without any reply within the whole time.
    if (!race->done && race->running > 0)
      for (auto& server : asked) server->dead_until = Clock::now() + kDeadTime;
    race->finish();
  }
  auto reply = !race->winner.empty() ? std::move(race->winner) : std::move(race->second);
  if (reply.empty()) {
    auto parsed = parse_query(race->query);
    reply = error_reply(race->query, parsed ? &*parsed : nullptr, kRcodeServfail);
  }
  if (transport == Transport::kUdp && reply.size() > limit) reply = cut_reply(reply);
  co_return reply;
}

}  // namespace weave::dns
