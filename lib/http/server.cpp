#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "base/asio.hpp"
#include "base/log.hpp"
#include "base/users.hpp"
#include "http/connection.hpp"

namespace weave::http {
namespace {

namespace beast = boost::beast;
static_assert(kLongestSocketPath == sizeof(sockaddr_un::sun_path) - 1);
using Acceptor = asio::basic_socket_acceptor<Protocol>;

// A client on the server's side. `idle_since` holds while no request is under way.
struct Session : Connection {
  using Connection::Connection;
  beast::flat_buffer buffer;
  std::optional<std::chrono::steady_clock::time_point> idle_since = std::chrono::steady_clock::now();
};

asio::awaitable<Response> guarded(const Handler& handler, Request request) {
  try {
    co_return co_await handler(std::move(request));
  } catch (const Error& error) {
    co_return Response::text(error.what(), 500);
  } catch (const std::exception& error) {
    // Also what a cancelled handler throws; no client is there to read the response.
    log::debug("a request handler failed: reason={}", error.what());
    co_return Response::text(error.what(), 500);
  } catch (...) {
    co_return Response::text("internal error", 500);
  }
}

// Returns when the client closes the connection. What it sends meanwhile is the next request's beginning and stays in
// the buffer.
asio::awaitable<void> hung_up(Session& session) {
  constexpr size_t read_ahead = 16 * 1024;
  while (session.buffer.size() < read_ahead) {
    auto [error, size] = co_await session.socket.async_read_some(session.buffer.prepare(4096), kAsResult);
    if (error) co_return;
    session.buffer.commit(size);
  }
  asio::steady_timer never(session.socket.get_executor(), asio::steady_timer::time_point::max());
  co_await never.async_wait(kAsResult);
}

Request request_of(beast::http::request<beast::http::string_body>&& message) {
  Request out;
  out.method = message.method_string();
  out.target = message.target();
  for (const auto& field : message) {
    std::string name(field.name_string());
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    std::string& value = out.headers[name];
    if (!value.empty()) value += ", ";
    value.append(field.value().data(), field.value().size());
  }
  out.body = std::move(message.body());
  return out;
}

template <class Body>
void fill(beast::http::response<Body>& message, const Response& response, unsigned version, bool keep_alive) {
  message.result(static_cast<unsigned>(response.status));
  message.version(version);
  message.keep_alive(keep_alive);
  for (const auto& [name, value] : response.headers) message.set(name, value);
  if (!response.content_type.empty()) message.set(beast::http::field::content_type, response.content_type);
  bool bodiless = response.status < 200 || response.status == 204 || response.status == 304;
  if (!bodiless) message.content_length(response.body.size());
}

// Returns whether all was written.
asio::awaitable<bool> write(Session& session, Response response, bool head, unsigned version, bool keep_alive) {
  bool bodiless = head || response.status < 200 || response.status == 204 || response.status == 304;
  if (bodiless) {
    beast::http::response<beast::http::empty_body> message;
    fill(message, response, version, keep_alive);
    auto [error, size] = co_await beast::http::async_write(session.socket, message, kAsResult);
    co_return !error;
  }
  beast::http::response<beast::http::string_body> message;
  fill(message, response, version, keep_alive);
  message.body() = std::move(response.body);
  auto [error, size] = co_await beast::http::async_write(session.socket, message, kAsResult);
  co_return !error;
}

// The answer to what isn't a request we take; nothing when the client only went away.
std::optional<Response> refusal(boost::system::error_code error) {
  using beast::http::error;
  if (error == beast::http::error::end_of_stream || error == beast::http::error::partial_message) return std::nullopt;
  if (error == beast::http::error::body_limit) return Response::text("request too large\n", 413);
  if (error == beast::http::error::header_limit) return Response::text("request header too large\n", 431);
  if (error.category() == make_error_code(beast::http::error::bad_method).category())
    return Response::text("malformed request: " + error.message() + "\n", 400);
  return std::nullopt;
}

// Closing with unread input would reset the connection and could take the answer with it: read on for a moment.
asio::awaitable<void> linger(Session& session) {
  session.arm(std::chrono::seconds(1));
  boost::system::error_code ignored;
  session.socket.shutdown(Protocol::socket::shutdown_send, ignored);
  for (;;) {
    session.buffer.clear();
    auto [error, size] = co_await session.socket.async_read_some(session.buffer.prepare(65536), kAsResult);
    if (error) co_return;
  }
}

// Names the client of a TCP connection.
void identify(const Session& session, Request& request) {
  boost::system::error_code error;
  auto remote = session.socket.remote_endpoint(error);
  if (error || (remote.data()->sa_family != AF_INET && remote.data()->sa_family != AF_INET6)) return;
  asio::ip::tcp::endpoint endpoint;
  endpoint.resize(remote.size());
  std::memcpy(endpoint.data(), remote.data(), remote.size());
  auto address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  request.loopback = address.is_loopback();
  request.user = owner_of_tcp_socket(address.to_string(), endpoint.port());
}

asio::awaitable<void> converse(Session& session, const Handler& handler, Limits limits) {
  using namespace asio::experimental::awaitable_operators;
  for (bool keep = true; keep;) {
    session.idle_since = std::chrono::steady_clock::now();
    session.arm(limits.idle);
    beast::http::request_parser<beast::http::string_body> parser;
    parser.header_limit(static_cast<uint32_t>(limits.header_bytes));
    parser.body_limit(limits.body_bytes);
    auto [error, size] = co_await beast::http::async_read_header(session.socket, session.buffer, parser, kAsResult);
    session.idle_since.reset();
    if (!error && !parser.is_done()) {
      session.arm(limits.idle);
      if (beast::iequals(parser.get()[beast::http::field::expect], "100-continue") &&
          !co_await write(session, Response{.status = 100, .body = {}, .content_type = {}, .headers = {}}, false, 11,
                          true))
        co_return;
      std::tie(error, size) = co_await beast::http::async_read(session.socket, session.buffer, parser, kAsResult);
    }
    if (error) {
      if (auto answer = refusal(error); answer && co_await write(session, std::move(*answer), false, 11, false))
        co_await linger(session);
      co_return;
    }
    session.disarm();
    keep = parser.keep_alive();
    bool head = parser.get().method() == beast::http::verb::head;
    unsigned version = parser.get().version();
    auto request = request_of(parser.release());
    if (request.method != "GET" && !head) identify(session, request);
    auto answer = co_await (guarded(handler, std::move(request)) || hung_up(session));
    if (answer.index() == 1) co_return;
    session.arm(limits.idle);
    keep = co_await write(session, std::move(std::get<0>(answer)), head, version, keep) && keep;
  }
}

Error cannot_listen(const Address& address, const boost::system::error_code& error) {
  if (error == asio::error::address_in_use)
    return Error("cannot listen on " + address.str() + ": the address is in use",
                 "another program listens there; see `ss -lxtp`");
  return Error("cannot listen on " + address.str() + ": " + error.message());
}

// Whether somebody accepts connections on a unix socket.
bool answers(const asio::any_io_executor& executor, const Address& address) {
  Protocol::socket probe(executor);
  boost::system::error_code error;
  probe.connect(endpoint_of(address), error);
  return error != asio::error::connection_refused;
}

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  Impl(asio::any_io_executor executor, Address where, Handler what, int unix_mode, Limits bounds)
      : address(std::move(where)), handler(std::move(what)), limits(bounds), acceptor(executor), vacancy(executor) {
    auto endpoint = endpoint_of(address);
    boost::system::error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (!error && !address.is_unix()) acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (error == asio::error::address_in_use && address.is_unix() && is_stale(executor)) {
      ::unlink(address.path.c_str());
      acceptor.bind(endpoint, error);
    }
    // Nobody can connect before listen(), so the mode holds from the first client on.
    if (!error && address.is_unix() && ::chmod(address.path.c_str(), static_cast<mode_t>(unix_mode)) != 0)
      error.assign(errno, boost::system::system_category());
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) throw cannot_listen(address, error);
    if (address.is_unix()) {
      struct stat made {};
      if (::stat(address.path.c_str(), &made) == 0) file = std::pair(made.st_dev, made.st_ino);
    } else if (address.port == 0) {
      auto bound = acceptor.local_endpoint();
      // The port lies at the same place for both families.
      address.port = ntohs(reinterpret_cast<const sockaddr_in*>(bound.data())->sin_port);
    }
  }

  bool is_stale(const asio::any_io_executor& executor) const {
    struct stat found {};
    return ::stat(address.path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode) && !answers(executor, address);
  }

  void close() {
    if (closed) return;
    closed = true;
    boost::system::error_code ignored;
    acceptor.close(ignored);
    vacancy.cancel();
    for (auto& session : sessions) session->close();
    struct stat now {};
    // Another server may have taken the path over since.
    if (file && ::stat(address.path.c_str(), &now) == 0 && *file == std::pair(now.st_dev, now.st_ino))
      ::unlink(address.path.c_str());
  }

  // Waits for a client. When too many are connected, closes the one that is idle longest, or waits until one
  // leaves.
  asio::awaitable<void> wait_for_room() {
    co_await acceptor.async_wait(Acceptor::wait_read, kAsResult);
    if (closed || sessions.size() < limits.connections) co_return;
    std::shared_ptr<Session> oldest;
    boost::system::error_code ignored;
    for (auto& session : sessions) {
      bool idle = session->idle_since && session->socket.is_open() && session->socket.available(ignored) == 0;
      if (idle && (!oldest || session->idle_since < oldest->idle_since)) oldest = session;
    }
    if (oldest) oldest->close();
    vacancy.expires_at(asio::steady_timer::time_point::max());
    co_await vacancy.async_wait(kAsResult);
  }

  static asio::awaitable<void> serve(std::shared_ptr<Impl> self, std::shared_ptr<Session> session) {
    try {
      co_await converse(*session, self->handler, self->limits);
    } catch (const std::exception& error) {
      log::debug("an HTTP connection failed: address={} reason={}", self->address.str(), error.what());
    }
    session->disarm();
    session->close();
    self->sessions.erase(session);
    self->vacancy.cancel();
  }

  static asio::awaitable<void> accept(std::shared_ptr<Impl> self) {
    while (!self->closed) {
      if (self->sessions.size() >= self->limits.connections) {
        co_await self->wait_for_room();
        continue;
      }
      auto [error, socket] = co_await self->acceptor.async_accept(kAsResult);
      if (self->closed) co_return;
      if (error) {
        // Out of descriptors, or the client left before: a moment later it may work.
        log::warning("cannot accept an HTTP connection: address={} reason={}", self->address.str(), error.message());
        self->vacancy.expires_after(std::chrono::milliseconds(100));
        co_await self->vacancy.async_wait(kAsResult);
        continue;
      }
      auto session = std::make_shared<Session>(std::move(socket));
      self->sessions.insert(session);
      asio::co_spawn(self->acceptor.get_executor(), serve(self, session), asio::detached);
    }
  }

  Address address;
  Handler handler;
  Limits limits;
  Acceptor acceptor;
  asio::steady_timer vacancy;  // cancelled when a client leaves
  std::set<std::shared_ptr<Session>> sessions;
  std::optional<std::pair<dev_t, ino_t>> file;
  bool closed = false;
};

Server::Server(asio::any_io_executor executor, Address address, Handler handler, int unix_mode, Limits limits)
    : impl_(std::make_shared<Impl>(executor, std::move(address), std::move(handler), unix_mode, limits)) {
  asio::co_spawn(executor, Impl::accept(impl_), asio::detached);
}

Server::~Server() {
  impl_->close();
}
const Address& Server::address() const {
  return impl_->address;
}
void Server::close() {
  impl_->close();
}

}  // namespace weave::http
