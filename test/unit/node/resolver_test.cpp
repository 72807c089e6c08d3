#include "node/resolver.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <catch2/catch.hpp>

#include "base/bytes.hpp"
#include "node/admission.hpp"

using namespace weave;
using namespace weave::mesh;
using namespace std::chrono_literals;
using asio::ip::udp;

namespace {

Ip ip(const char* text) {
  return *Ip::parse(text);
}

struct Asked {
  explicit Asked(const std::string& host, ResolverConfig config = {.servers = {}, .timeout = 2s},
                 std::function<void()> meanwhile = {}) {
    asio::io_context io;
    asio::co_spawn(io, resolve(host, std::move(config)), [&](std::exception_ptr failed, auto value) {
      REQUIRE_FALSE(failed);
      answer = std::move(value);
    });
    while (io.run_for(2ms) > 0 || !io.stopped())
      if (meanwhile) meanwhile();
  }
  Result<std::vector<Ip>> answer;
};

// A name server that knows one name: 10.0.0.9, twice, for A; nothing for AAAA; and that `unknown` doesn't exist.
struct NameServer {
  NameServer() : socket(io, {asio::ip::make_address("127.0.77.53"), 0}) { socket.non_blocking(true); }
  void serve() {
    for (;;) {
      Bytes query(512);
      udp::endpoint from;
      boost::system::error_code code;
      query.resize(socket.receive_from(asio::buffer(query), from, 0, code));
      if (code) return;
      bool unknown = as_text(query).find("unknown") != std::string_view::npos;
      size_t end = 12;
      while (query[end]) end += query[end] + 1u;
      bool v4 = query[end + 2] == 1;
      query.resize(end + 5);  // without EDNS
      query[2] |= 0x80;
      query[3] = unknown ? 0x83 : 0x80;
      query[7] = v4 && !unknown ? 2 : 0;
      query[11] = 0;
      for (int i = 0; i < query[7]; ++i) {
        const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 9};
        query.insert(query.end(), std::begin(record), std::end(record));
      }
      socket.send_to(asio::buffer(query), from);
    }
  }
  ResolverConfig config() const {
    return {.servers = fmt::format("127.0.77.53:{}", socket.local_endpoint().port()), .timeout = 2s};
  }
  asio::io_context io;
  udp::socket socket;
};

}  // namespace

TEST_CASE("an address resolves to itself") {
  CHECK(Asked("10.0.0.1").answer == std::vector<Ip>{ip("10.0.0.1")});
  CHECK(Asked("fd00::1").answer == std::vector<Ip>{ip("fd00::1")});
}

TEST_CASE("names come from the hosts file and from DNS, each address once") {
  auto local = Asked("localhost").answer;
  REQUIRE(local);
  CHECK(local->front() == ip("127.0.0.1"));
  NameServer server;
  CHECK(Asked("peer.example", server.config(), [&] { server.serve(); }).answer == std::vector<Ip>{ip("10.0.0.9")});
}

TEST_CASE("an unknown name and an unreachable server are errors that name them") {
  NameServer server;
  auto unknown = Asked("unknown.example", server.config(), [&] { server.serve(); }).answer;
  REQUIRE_FALSE(unknown);
  CHECK_THAT(unknown.error(), Catch::StartsWith("cannot resolve unknown.example: "));
  CHECK(Asked("peer.example", {.servers = server.config().servers, .timeout = 50ms}).answer.error() ==
        "cannot resolve peer.example: no answer");
  CHECK_FALSE(Asked("peer.example", {.servers = "127.0.77.54:1", .timeout = 2s}).answer);
}

TEST_CASE("20 connections are accepted at once, then one every 50 ms") {
  AcceptLimiter limiter;
  AcceptLimiter::Time now = AcceptLimiter::Time{} + 1h;
  for (int i = 0; i < 20; ++i) CHECK(limiter.take(now) == now);
  for (int i = 1; i <= 5; ++i) CHECK(limiter.take(now) == now + i * 50ms);
  now += 1h;
  for (int i = 0; i < 20; ++i) CHECK(limiter.take(now) == now);
  CHECK(limiter.take(now) > now);
}

TEST_CASE("handshakes are limited overall and for each address") {
  HandshakeGate gate;
  auto address = [](size_t i) { return Ip(Ipv4{static_cast<uint32_t>(i)}); };
  for (size_t i = 0; i < HandshakeGate::kMaxPerIp; ++i) CHECK(gate.enter(address(1)));
  CHECK_FALSE(gate.enter(address(1)));
  gate.leave(address(1));
  CHECK(gate.enter(address(1)));
  size_t more = 0;
  while (gate.enter(address(100 + more))) ++more;
  CHECK(more == HandshakeGate::kMaxAll - HandshakeGate::kMaxPerIp);
  gate.leave(address(50));  // nobody
  CHECK_FALSE(gate.enter(address(50)));
}
