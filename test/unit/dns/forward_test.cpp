#include "dns/forward.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <cstdio>

#include "base/fd.hpp"
#include "dns/message.hpp"
#include "unit/temp_dir.hpp"

using namespace weave;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;

namespace {

// What a name server replies to a query; empty: nothing.
using Behaviour = std::function<std::vector<Bytes>(Bytes)>;

Bytes reply_to(Bytes query, int rcode = 0, size_t padding = 0) {
  query[2] |= 0x80;
  query[3] = static_cast<uint8_t>(0x80 | rcode);
  query.resize(query.size() + padding);
  return query;
}

// A name server on 127.0.0.<host>, UDP and TCP on the same port.
struct Upstream {
  Upstream(asio::io_context& io, int host, uint16_t port, Behaviour does)
      : behaviour(std::move(does)),
        socket(io, udp::endpoint(address(host), port)),
        acceptor(io, tcp::endpoint(address(host), socket.local_endpoint().port())) {
    asio::co_spawn(io, serve_udp(), asio::detached);
    asio::co_spawn(io, serve_tcp(), asio::detached);
  }
  static asio::ip::address address(int host) { return asio::ip::make_address(fmt::format("127.0.0.{}", host)); }
  uint16_t port() const { return socket.local_endpoint().port(); }

  asio::awaitable<void> serve_udp() {
    for (;;) {
      Bytes query(65535);
      udp::endpoint from;
      query.resize(co_await socket.async_receive_from(asio::buffer(query), from, asio::use_awaitable));
      ++asked_udp;
      ids.insert(query[0] << 8 | query[1]);
      ports.insert(from.port());
      for (auto& reply : behaviour(query)) socket.send_to(asio::buffer(reply), from);
    }
  }
  asio::awaitable<void> serve_tcp() {
    for (;;) {
      auto peer = co_await acceptor.async_accept(asio::use_awaitable);
      std::array<uint8_t, 2> length{};
      co_await asio::async_read(peer, asio::buffer(length), asio::use_awaitable);
      Bytes query(length[0] << 8 | length[1]);
      co_await asio::async_read(peer, asio::buffer(query), asio::use_awaitable);
      ++asked_tcp;
      for (auto& reply : behaviour(query)) {
        Writer w;
        w.u16(static_cast<uint16_t>(reply.size()));
        w.bytes(reply);
        co_await asio::async_write(peer, asio::buffer(w.out()), asio::use_awaitable);
      }
    }
  }

  Behaviour behaviour;
  udp::socket socket;
  tcp::acceptor acceptor;
  int asked_udp = 0, asked_tcp = 0;
  std::set<int> ids, ports;
};

std::vector<Bytes> good(Bytes query) {
  return {reply_to(std::move(query))};
}
std::vector<Bytes> silent(Bytes) {
  return {};
}

struct Net {
  explicit Net(Behaviour first, Behaviour second = good)
      : one(io, 2, 0, std::move(first)), two(io, 3, one.port(), std::move(second)) {
    write_file(path,
               "# comment\nnameserver 127.0.0.1\nnameserver 127.0.0.2 \t extra\n;nameserver 9.9.9.9\n"
               "nameserver nonsense\nnameserver 127.0.0.3\n");
    config.resolv_conf = path;
    config.port = one.port();
    config.own = {Upstream::address(1)};
    config.stagger = 50ms;
    config.timeout = 400ms;
  }

  dns::Header ask(dns::Transport transport = dns::Transport::kUdp, size_t limit = 512) {
    if (!forwarder) forwarder.emplace(io.get_executor(), config);
    Writer w;
    for (int v : {0x4321, 0x0100, 1, 0, 0, 0}) w.u16(static_cast<uint16_t>(v));
    dns::write_name(w, "Example.com.");
    w.u32(0x00010001);
    bool done = false;
    asio::co_spawn(io, forwarder->forward(w.out(), transport, limit), [&](std::exception_ptr error, Bytes bytes) {
      if (error) std::rethrow_exception(error);
      reply = std::move(bytes);
      done = true;
    });
    while (!done) io.run_one_for(1s);
    return *dns::parse_header(reply);
  }

  asio::io_context io;
  Upstream one, two;
  test::TempDir directory;
  std::string path = directory / "resolv.conf";
  dns::ForwardConfig config;
  std::optional<dns::Forwarder> forwarder;
  Bytes reply;
};

}  // namespace

TEST_CASE("resolv.conf: name servers in order, comments and other lines ignored") {
  CHECK(dns::parse_resolv_conf("search a\nnameserver 1.2.3.4\n#nameserver 2.2.2.2\n; nameserver 3.3.3.3\nnameserver\n"
                               "nameserver\tfe80::1%eth0 # x\nnameserverx 4.4.4.4\nnameserver 5.5.5.5") ==
        std::vector<std::string>{"1.2.3.4", "fe80::1%eth0", "5.5.5.5"});
  CHECK(dns::parse_resolv_conf("").empty());
}

TEST_CASE("the first name server is asked, the second isn't, our own address never is") {
  Net net(good);
  auto header = net.ask();
  CHECK(header.id == 0x4321);
  CHECK(header.rcode() == 0);
  CHECK(net.one.asked_udp == 1);
  CHECK(net.two.asked_udp == 0);
  CHECK(net.forwarder->upstreams() == std::vector<std::string>{"127.0.0.1", "127.0.0.2", "nonsense", "127.0.0.3"});
}

TEST_CASE("a client on TCP is served over TCP") {
  Net net(good);
  CHECK(net.ask(dns::Transport::kTcp, 65535).rcode() == 0);
  CHECK(net.one.asked_tcp == 1);
  CHECK(net.one.asked_udp == 0);
}

TEST_CASE("ids and source ports are fresh for every query") {
  Net net(good);
  for (int i = 0; i < 8; ++i) net.ask();
  CHECK(net.one.ids.size() > 5);
  CHECK(net.one.ports.size() > 4);
}

TEST_CASE("NXDOMAIN is returned, SERVFAIL and REFUSED ask the next name server") {
  Net nxdomain([](Bytes q) { return std::vector<Bytes>{reply_to(q, 3)}; });
  CHECK(nxdomain.ask().rcode() == 3);
  CHECK(nxdomain.two.asked_udp == 0);
  for (int rcode : {2, 5}) {
    Net other([=](Bytes q) { return std::vector<Bytes>{reply_to(q, rcode)}; });
    CHECK(other.ask().rcode() == 0);
    CHECK(other.two.asked_udp == 1);
  }
  auto refuse = [](Bytes q) { return std::vector<Bytes>{reply_to(q, 5)}; };
  Net both(refuse, refuse);
  CHECK(both.ask().rcode() == 5);
}

TEST_CASE("a silent name server delays by the stagger, and all silent ones give SERVFAIL within the limit") {
  Net net(silent);
  CHECK(net.ask().rcode() == 0);
  CHECK(net.one.asked_udp == 1);
  Net none(silent, silent);
  auto start = std::chrono::steady_clock::now();
  CHECK(none.ask().rcode() == 2);
  CHECK(none.reply[0] == 0x43);
  CHECK(std::chrono::steady_clock::now() - start < 2s);
}

TEST_CASE("garbage and replies with another id or question are ignored") {
  Net net([](Bytes q) {
    auto wrong_id = reply_to(q), wrong_question = reply_to(q), right = reply_to(q, 3);
    wrong_id[0] ^= 0xff;
    wrong_question[14] ^= 1;
    return std::vector<Bytes>{{1, 2, 3}, {}, wrong_id, wrong_question, right};
  });
  CHECK(net.ask().rcode() == 3);
  CHECK(net.two.asked_udp == 0);
}

TEST_CASE("a reply over the client's limit is cut, a smaller one passes unchanged") {
  Net net([](Bytes q) { return std::vector<Bytes>{reply_to(q, 0, 6000)}; });
  CHECK(net.ask().flags & dns::kFlagTc);
  CHECK(net.reply.size() < 100);
  CHECK_FALSE(net.ask(dns::Transport::kUdp, 65535).flags & dns::kFlagTc);
  CHECK(net.reply.size() > 6000);
}

TEST_CASE("without name servers the reply is SERVFAIL at once") {
  Net net(good);
  net.config.resolv_conf.clear();
  CHECK(net.ask().rcode() == 2);
  CHECK(net.ask(dns::Transport::kTcp).rcode() == 2);
}

TEST_CASE("an unreachable name server makes the next one be asked at once") {
  Net net(good);
  boost::system::error_code ignored;
  net.one.socket.close(ignored);
  net.config.stagger = 10s;
  net.config.timeout = 20s;
  CHECK(net.ask().rcode() == 0);
  CHECK(net.two.asked_udp == 1);
}
