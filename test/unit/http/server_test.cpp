// Server and client against each other, and the server against bytes written by hand.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/fd.hpp"
#include "http/http.hpp"
#include "unit/temp_dir.hpp"

using namespace weave;
using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace fs = std::filesystem;
using http::Address, http::Request, http::Response;

namespace {

struct Directory {
  test::TempDir temporary;
  Address socket() const { return {.path = temporary / "s.sock"}; }
};

// Runs until `done` holds; false after 5 s.
bool run_until(asio::io_context& context, const std::function<bool()>& done) {
  auto end = std::chrono::steady_clock::now() + 5s;
  context.restart();
  for (;;) {
    if (done()) return true;
    if (std::chrono::steady_clock::now() > end) return false;
    context.run_one_for(50ms);
  }
}

template <class T>
T await(asio::io_context& context, asio::awaitable<T> what) {
  std::optional<T> out;
  std::exception_ptr failure;
  asio::co_spawn(context, std::move(what), [&](std::exception_ptr thrown, T value) {
    failure = thrown;
    out = std::move(value);
  });
  REQUIRE(run_until(context, [&] { return out.has_value(); }));
  if (failure) std::rethrow_exception(failure);
  return *out;
}

// Says what it was asked.
asio::awaitable<Response> echo(Request request) {
  co_return Response::text(request.method + " " + request.target + " " + request.body);
}

UniqueFd dial(const Address& address) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
  address.path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)) == 0);
  return fd;
}

void send(const UniqueFd& fd, std::string_view text) {
  REQUIRE(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
}

// What has come so far; `ended` tells whether the server hung up.
std::string receive(const UniqueFd& fd, bool* ended = nullptr) {
  std::string out;
  char piece[4096];
  ssize_t size;
  while ((size = ::recv(fd.get(), piece, sizeof(piece), 0)) > 0) out.append(piece, static_cast<size_t>(size));
  if (ended) *ended = size == 0;
  return out;
}

std::string receive_until(asio::io_context& context, const UniqueFd& fd, std::string_view ending) {
  std::string out;
  CHECK(run_until(context, [&] { return (out += receive(fd)).ends_with(ending); }));
  return out;
}

}  // namespace

TEST_CASE("a request reaches the handler and its answer the client, over a unix socket and TCP") {
  Directory directory;
  asio::io_context context;
  std::string host = GENERATE("", "127.0.0.1", "::1");
  Address address = host.empty() ? directory.socket() : Address{.host = host};
  http::Server server(context.get_executor(), address, echo);
  if (!address.is_unix()) CHECK(server.address().port != 0);
  Request request{.method = "PUT", .target = "/a%20b?c=d", .body = "body"};
  auto answer = await(context, http::request(server.address(), request, 5s));
  CHECK(answer.status == 200);
  CHECK(answer.content_type == "text/plain; charset=utf-8");
  CHECK(answer.body == "PUT /a%20b?c=d body");
}

TEST_CASE("the blocking client needs no event loop") {
  asio::io_context context;
  http::Server server(context.get_executor(), {.host = "127.0.0.1"}, echo);
  std::jthread loop([&] { context.run(); });
  CHECK(http::request_blocking(server.address(), {.target = "/x"}, 5s).body == "GET /x ");
  asio::post(context, [&] { server.close(); });
}

TEST_CASE("headers arrive in lower case, repeated ones joined; the answer's too") {
  asio::io_context context;
  http::Server server(context.get_executor(), {.host = "127.0.0.1"}, [](Request request) -> asio::awaitable<Response> {
    Response out = Response::json(request.headers["x-thing"], 201);
    out.headers["X-Answer"] = "y";
    co_return out;
  });
  auto answer = await(context, http::request(server.address(), {.headers = {{"X-Thing", "v"}}}, 5s));
  CHECK(answer.status == 201);
  CHECK(answer.body == "v");
  CHECK(answer.content_type == "application/json");
  CHECK(answer.headers["x-answer"] == "y");
}

TEST_CASE("an empty answer has no Content-Type; 204 has no Content-Length either") {
  Directory directory;
  asio::io_context context;
  http::Server server(context.get_executor(), directory.socket(), [](Request request) -> asio::awaitable<Response> {
    co_return Response{.status = request.target == "/204" ? 204 : 200};
  });
  auto client = dial(server.address());
  send(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(receive_until(context, client, "\r\n\r\n") == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  send(client, "GET /204 HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(receive_until(context, client, "\r\n\r\n") == "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST_CASE("an empty Host header is accepted, and one connection carries several requests, also pipelined") {
  Directory directory;
  asio::io_context context;
  http::Server server(context.get_executor(), directory.socket(), echo);
  auto client = dial(server.address());
  std::string one =
      "POST /Plugin.Activate HTTP/1.1\r\nHost: \r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: 2\r\n"
      "Accept: application/vnd.docker.plugins.v1.2+json\r\n\r\n{}";
  send(client, one);
  CHECK(receive_until(context, client, "{}").starts_with("HTTP/1.1 200 OK\r\n"));
  send(client, one + "GET /last HTTP/1.1\r\nHost:\r\n\r\n");
  auto both = receive_until(context, client, "GET /last ");
  CHECK(both.find("POST /Plugin.Activate {}") != std::string::npos);
}

TEST_CASE("HEAD gets the length of the body but no body") {
  Directory directory;
  asio::io_context context;
  http::Server server(context.get_executor(), directory.socket(), echo);
  CHECK(await(context, http::request(server.address(), {.method = "HEAD"}, 5s)).body.empty());
  auto client = dial(server.address());
  send(client, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.0\r\n\r\n");
  auto text = receive_until(context, client, "GET /2 ");
  CHECK(text.find("Content-Length: 7\r\n\r\nHTTP/1.0 200 OK") != std::string::npos);
}

TEST_CASE("a handler's exception becomes status 500 and the server continues") {
  asio::io_context context;
  http::Server server(context.get_executor(), {.host = "127.0.0.1"}, [](Request request) -> asio::awaitable<Response> {
    if (request.target == "/error") throw Error("no such thing: x", "hint");
    if (request.target == "/std") throw std::out_of_range("range");
    if (request.target == "/int") throw 7;
    co_return Response::text("fine");
  });
  auto get = [&](std::string target) {
    return await(context, http::request(server.address(), {.target = target}, 5s));
  };
  CHECK(get("/error").status == 500);
  CHECK(get("/error").body == "no such thing: x");
  CHECK(get("/std").status == 500);
  CHECK(get("/int").status == 500);
  CHECK(get("/").body == "fine");
}

TEST_CASE("a client that hangs up cancels its handler") {
  Directory directory;
  asio::io_context context;
  bool started = false, cancelled = false;
  http::Server server(context.get_executor(), directory.socket(), [&](Request) -> asio::awaitable<Response> {
    started = true;
    asio::steady_timer timer(context, 1h);
    try {
      co_await timer.async_wait(asio::use_awaitable);
    } catch (const boost::system::system_error&) {
      cancelled = true;
    }
    co_return Response{};
  });
  auto client = dial(server.address());
  send(client, "POST / HTTP/1.1\r\nHost:\r\nContent-Length: 0\r\n\r\n");
  REQUIRE(run_until(context, [&] { return started; }));
  CHECK(!cancelled);
  SECTION("when its connection is closed") {
    client.reset();
  }
  SECTION("when the server is closed") {
    server.close();
  }
  CHECK(run_until(context, [&] { return cancelled; }));
}

TEST_CASE("malformed requests are refused and the connection closed") {
  Directory directory;
  asio::io_context context;
  http::Server server(context.get_executor(), directory.socket(), echo, 0660, {.header_bytes = 512, .body_bytes = 16});
  auto [sent, status] = GENERATE(table<std::string, std::string>({
      {"no http at all\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nX: " + std::string(1000, 'x') + "\r\n\r\n", "431"},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n\r\n12345678901234567", "413"},
  }));
  auto client = dial(server.address());
  send(client, sent);
  ::shutdown(client.get(), SHUT_WR);
  std::string answer;
  bool ended = false;
  CHECK(run_until(context, [&] {
    answer += receive(client, &ended);
    return ended;
  }));
  CHECK(answer.starts_with("HTTP/1.1 " + status + " "));
  CHECK(answer.find("Connection: close") != std::string::npos);
  CHECK(await(context, http::request(server.address(), {}, 5s)).status == 200);
}

TEST_CASE("a client that expects 100-continue gets it before it sends the body") {
  Directory directory;
  asio::io_context context;
  http::Server server(context.get_executor(), directory.socket(), echo);
  auto client = dial(server.address());
  send(client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  CHECK(receive_until(context, client, "\r\n\r\n").starts_with("HTTP/1.1 100 "));
  send(client, "ab");
  CHECK(receive_until(context, client, "POST / ab").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("an idle connection is closed after the limit, or to make room for a new one") {
  Directory directory;
  asio::io_context context;
  bool old_ended = false;
  SECTION("after the limit") {
    http::Server server(context.get_executor(), directory.socket(), echo, 0660, {.idle = 1s});
    auto client = dial(server.address());
    CHECK(run_until(context, [&] { return receive(client, &old_ended), old_ended; }));
  }
  SECTION("for a new connection") {
    http::Server server(context.get_executor(), directory.socket(), echo, 0660, {.connections = 1});
    auto client = dial(server.address());
    send(client, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    receive_until(context, client, "GET /a ");
    CHECK(await(context, http::request(server.address(), {.target = "/b"}, 5s)).body == "GET /b ");
    CHECK(run_until(context, [&] { return receive(client, &old_ended), old_ended; }));
  }
}

TEST_CASE("a unix socket: mode, removal, stale and live ones") {
  Directory directory;
  asio::io_context context;
  auto address = directory.socket();
  {
    http::Server server(context.get_executor(), address, echo, 0600);
    struct stat info {};
    REQUIRE(::stat(address.path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    CHECK_THROWS_WITH(http::Server(context.get_executor(), address, echo),
                      Catch::Contains(address.str()) && Catch::Contains("in use"));
  }
  CHECK(!fs::exists(address.path));
  {
    UniqueFd stale(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
    address.path.copy(name.sun_path, sizeof(name.sun_path) - 1);
    REQUIRE(::bind(stale.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)) == 0);
  }
  CHECK(fs::exists(address.path));
  http::Server server(context.get_executor(), address, echo);
  CHECK(await(context, http::request(address, {}, 5s)).status == 200);
  fs::remove(address.path);
  std::ofstream(address.path) << "not a socket";
  CHECK_THROWS_AS(http::Server(context.get_executor(), address, echo), Error);
  server.close();
  CHECK(fs::exists(address.path));  // no longer ours
}

TEST_CASE("a TCP port in use is named") {
  asio::io_context context;
  http::Server server(context.get_executor(), {.host = "127.0.0.1"}, echo);
  CHECK_THROWS_WITH(http::Server(context.get_executor(), server.address(), echo),
                    Catch::Contains(server.address().str()) && Catch::Contains("in use"));
}

TEST_CASE("the client says what failed, on what and why") {
  Directory directory;
  asio::io_context context;
  SECTION("no server") {
    CHECK_THROWS_WITH(await(context, http::request(directory.socket(), {.target = "/x"}, 5s)),
                      "GET /x on " + directory.socket().str() + ": No such file or directory");
  }
  SECTION("a target with a line break") {
    CHECK_THROWS_WITH(await(context, http::request(directory.socket(), {.target = "/x HTTP/1.1\r\n"}, 5s)),
                      Catch::StartsWith("not a request target"));
  }
  SECTION("no answer in time") {
    http::Server server(context.get_executor(), directory.socket(), [&](Request) -> asio::awaitable<Response> {
      asio::steady_timer timer(context, 1h);
      co_await timer.async_wait(asio::use_awaitable);
      co_return Response{};
    });
    CHECK_THROWS_WITH(await(context, http::request(directory.socket(), {}, 50ms)),
                      Catch::EndsWith("no response within 0.05 s"));
  }
  SECTION("a server that closes the connection") {
    std::unique_ptr<http::Server> server;
    server = std::make_unique<http::Server>(context.get_executor(), directory.socket(),
                                            [&](Request) -> asio::awaitable<Response> {
                                              server->close();
                                              co_return Response{};
                                            });
    CHECK_THROWS_WITH(await(context, http::request(directory.socket(), {}, 5s)), Catch::EndsWith("the server hung up"));
  }
}

TEST_CASE("a stream hands over the body as it arrives") {
  Directory directory;
  asio::io_context context;
  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  auto address = directory.socket();
  sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
  address.path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);

  std::string seen;
  std::optional<std::string> failure;
  bool done = false;
  asio::cancellation_signal cancel;
  asio::co_spawn(context, http::stream(address, {.target = "/events"}, [&](std::string_view data) { seen += data; }),
                 asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr thrown) {
                   done = true;
                   try {
                     if (thrown) std::rethrow_exception(thrown);
                   } catch (const std::exception& error) {
                     failure = error.what();
                   }
                 }));
  UniqueFd peer;
  REQUIRE(run_until(context, [&] {
    peer.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    return bool(peer);
  }));
  receive_until(context, peer, "\r\n\r\n");
  SECTION("chunks, then the end") {
    send(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n");
    CHECK(run_until(context, [&] { return seen == "{\"a\":"; }));
    send(peer, "3\r\n1}\n\r\n");
    CHECK(run_until(context, [&] { return seen == "{\"a\":1}\n"; }));
    CHECK(!done);
    send(peer, "9c40\r\n" + std::string(40000, 'x') + "\r\n0\r\n\r\n");
    CHECK(run_until(context, [&] { return done; }));
    CHECK(seen.size() == 40008);
    CHECK(!failure);
  }
  SECTION("a body up to the end of the connection") {
    send(peer, "HTTP/1.1 200 OK\r\n\r\nabc");
    CHECK(run_until(context, [&] { return seen == "abc"; }));
    peer.reset();
    CHECK(run_until(context, [&] { return done; }));
    CHECK(!failure);
  }
  SECTION("a server that dies in the middle of the body") {
    send(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    CHECK(run_until(context, [&] { return seen == "abc"; }));
    peer.reset();
    CHECK(run_until(context, [&] { return done; }));
    CHECK(failure == "GET /events on " + address.str() + ": the server hung up");
  }
  SECTION("another status") {
    send(peer, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone");
    CHECK(run_until(context, [&] { return done; }));
    CHECK(seen.empty());
    REQUIRE(failure);
    CHECK(failure->ends_with("status 404: gone"));
  }
  SECTION("cancelled") {
    send(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    CHECK(run_until(context, [&] { return seen == "abc"; }));
    cancel.emit(asio::cancellation_type::terminal);
    CHECK(run_until(context, [&] { return done; }));
    CHECK(failure);
  }
}
