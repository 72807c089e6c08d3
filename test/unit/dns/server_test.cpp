#include "dns/server.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "base/fd.hpp"
#include "dns/message.hpp"

using namespace weave;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

Bytes question(std::string_view name) {
  Writer w;
  for (int v : {0x4321, 0x0100, 1, 0, 0, 0}) w.u16(static_cast<uint16_t>(v));
  dns::write_name(w, name);
  w.u32(0x00010001);
  return w.take();
}

SocketAddress at(std::string_view text) {
  return SocketAddress::parse(text).value();
}

// A blocking client; the answer is empty when none comes within two seconds.
Bytes ask(const SocketAddress& server, const Bytes& query, bool tcp = false) {
  UniqueFd fd(socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
  timeval limit{2, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(server.port);
  to.sin_addr.s_addr = htonl(server.ip.v4().value);
  // Connected: an answer from another address than the one asked doesn't count.
  REQUIRE(connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  Writer w;
  if (tcp) w.u16(static_cast<uint16_t>(query.size()));
  w.bytes(query);
  REQUIRE(send(fd.get(), w.out().data(), w.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(w.size()));
  Bytes reply(65535);
  if (tcp && recv(fd.get(), reply.data(), 2, MSG_WAITALL) != 2) return {};
  auto size = tcp ? recv(fd.get(), reply.data(), reply[0] << 8 | reply[1], MSG_WAITALL)
                  : recv(fd.get(), reply.data(), reply.size(), 0);
  reply.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return reply;
}

// A server on its own thread.
struct Running {
  explicit Running(dns::Config config) {
    for (int i = 1; i <= 40; ++i) table.apply({"big.weave.local.", {1}, "c", {0x0a210000u + i}});
    table.apply({"web1.weave.local.", {1}, "c", {0x0a200001}});
    server.emplace(io.get_executor(), std::move(config), table);
    server->start();
    addresses = server->listening();
    thread = std::thread([this] { io.run(); });
  }
  ~Running() {
    io.stop();
    thread.join();
  }
  asio::io_context io;
  names::Index table;
  std::optional<dns::Server> server;
  std::vector<SocketAddress> addresses;
  std::thread thread;
};

}  // namespace

TEST_CASE("the server answers over UDP and TCP on every address") {
  Running running({.listen = {at("127.0.0.1:0"), at("127.0.0.5:0")}});
  REQUIRE(running.addresses.size() == 2);
  for (const auto& address : running.addresses)
    for (bool tcp : {false, true}) {
      auto reply = ask(address, question("web1.weave.local."), tcp);
      REQUIRE(reply.size() == 50);
      CHECK(reply[49] == 1);
    }
  auto cut = ask(running.addresses[0], question("big.weave.local."));
  CHECK(dns::parse_header(cut)->answers == 29);
  auto whole = ask(running.addresses[0], question("big.weave.local."), true);
  CHECK(dns::parse_header(whole)->answers == 40);
}

TEST_CASE("on the wildcard address the reply comes from the address that was asked") {
  Running running({.listen = {at("0.0.0.0:0")}});
  auto other = at("127.0.0.9:0");
  other.port = running.addresses[0].port;
  CHECK_FALSE(ask(other, question("web1.weave.local.")).empty());
}

TEST_CASE("many queries at once are all answered") {
  Running running({.listen = {at("127.0.0.1:0")}});
  std::vector<std::future<int>> clients;
  for (int c = 0; c < 4; ++c)
    clients.push_back(std::async(std::launch::async, [&] {
      int good = 0;
      for (int i = 0; i < 50; ++i) good += ask(running.addresses[0], question("web1.weave.local.")).size() == 50;
      return good;
    }));
  for (auto& client : clients) CHECK(client.get() == 50);
}

TEST_CASE("a taken address is an error that names it and the program that holds it") {
  Running running({.listen = {at("127.0.0.1:0")}});
  asio::io_context io;
  try {
    dns::Server second(io.get_executor(), {.listen = running.addresses}, running.table);
    FAIL("bound twice");
  } catch (const Error& error) {
    std::string message = error.what();
    CHECK(message.find(running.addresses[0].str()) != std::string::npos);
    CHECK(message.find(fmt::format("unit_dns (pid {})", getpid())) != std::string::npos);
    CHECK_FALSE(error.hint().empty());
  }
}

TEST_CASE("the server process: ready when bound, answers after the snapshot, ends with the feed") {
  int feed[2], ready[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, feed) == 0);
  REQUIRE(pipe2(ready, O_CLOEXEC) == 0);
  // A port that is free now; the child reports nothing but readiness.
  SocketAddress address;
  {
    asio::io_context io;
    names::Index table;
    address = dns::Server(io.get_executor(), {.listen = {at("127.0.0.7:0")}}, table).listening().at(0);
  }
  auto child = fork();
  if (child == 0) {
    close(feed[0]);
    close(ready[0]);
    _exit(dns::run_server(feed[1], ready[1], {.listen = {address}}));
  }
  UniqueFd router(feed[0]), pipe(ready[0]);
  close(feed[1]);
  close(ready[1]);
  char byte = 0;
  REQUIRE(read(pipe.get(), &byte, 1) == 1);
  CHECK(byte == 'R');
  CHECK(read(pipe.get(), &byte, 1) == 0);

  // The question comes before the names and waits for them.
  auto answered = std::async(std::launch::async, [&] { return ask(address, question("web1.weave.local.")); });
  dns::FeedEncoder encoder;
  auto bytes = encoder.snapshot({{"web1.weave.local.", {1}, "c", {0x0a200001}}});
  REQUIRE(write(router.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  CHECK(answered.get().size() == 50);
  bytes = encoder.erased({{"web1.weave.local.", {1}, "c", {0x0a200001}}});
  REQUIRE(write(router.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));

  // Its status tells what it has done.
  dns::StatusDecoder decoder;
  dns::Status status;
  while (status.answered == 0) {
    Bytes buffer(4096);
    pollfd wait{router.get(), POLLIN, 0};
    REQUIRE(poll(&wait, 1, 5000) == 1);
    auto size = read(router.get(), buffer.data(), buffer.size());
    REQUIRE(size > 0);
    if (auto got = decoder.push(ByteView(buffer).first(static_cast<size_t>(size))).value()) status = *got;
  }
  CHECK(status.answered == 1);
  CHECK(dns::parse_header(ask(address, question("web1.weave.local.")))->rcode() == 3);

  router.reset();
  int code = -1;
  REQUIRE(waitpid(child, &code, 0) == child);
  CHECK(WIFEXITED(code));
  CHECK(WEXITSTATUS(code) == 0);
}

TEST_CASE("the server process reports why it cannot start") {
  Running running({.listen = {at("127.0.0.1:0")}});
  int feed[2], ready[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, feed) == 0);
  REQUIRE(pipe2(ready, O_CLOEXEC) == 0);
  // In this process: it fails before it gives up any privilege.
  CHECK(dns::run_server(feed[1], ready[1], {.listen = running.addresses}) == 1);
  std::string message(4096, 0);
  message.resize(static_cast<size_t>(read(ready[0], message.data(), message.size())));
  CHECK(message.starts_with("Ecan't listen for DNS on " + running.addresses[0].str()));
  CHECK(message.find('\n') != message.npos);
  close(feed[0]);
  close(ready[0]);
}
