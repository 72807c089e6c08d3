#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "base/asio.hpp"
#include "http/connection.hpp"

namespace weave::http {
namespace {

namespace beast = boost::beast;
constexpr size_t kMostBody = 64 * 1024 * 1024;
constexpr std::chrono::seconds kConnectTime{10};

// What failed and where, for messages.
struct Attempt {
  const Address& address;
  const Request& request;
  std::shared_ptr<Connection> connection;
  std::chrono::milliseconds timeout;

  [[noreturn]] void fail(const boost::system::error_code& error) const {
    std::string why = error.message();
    bool hung_up = false;
    if (connection->timed_out)
      why = fmt::format("no response within {:g} s", std::chrono::duration<double>(timeout).count());
    else if (error == beast::http::error::end_of_stream || error == beast::http::error::partial_message ||
             error == asio::error::connection_reset || error == asio::error::broken_pipe) {
      why = "the server hung up";
      hung_up = true;
    }
    std::string hint;
    if (error.value() == EACCES && error.category() == boost::system::system_category())
      hint = "run as root, or as a member of the group that owns the socket";
    auto text = fmt::format("{} {} on {}: {}", request.method, request.path(), address.str(), why);
    if (hung_up) throw HungUp(text);
    if (connection->timed_out) throw Error(ErrorKind::kTimeout, text);
    throw Error::with_code(text, error.category() == boost::system::system_category() ? error.value() : 0, hint);
  }
};

asio::awaitable<boost::system::error_code> connect(Attempt& attempt) {
  auto& socket = attempt.connection->socket;
  for (;;) {
    auto [error] = co_await socket.async_connect(endpoint_of(attempt.address), kAsResult);
    // A unix socket whose queue is full refuses at once where TCP would wait.
    bool full = error == asio::error::try_again || error == asio::error::no_buffer_space;
    if (!full || !attempt.address.is_unix() || attempt.connection->timed_out) co_return error;
    boost::system::error_code ignored;
    socket.close(ignored);
    asio::steady_timer pause(socket.get_executor(), std::chrono::milliseconds(20));
    co_await pause.async_wait(asio::use_awaitable);
  }
}

beast::http::request<beast::http::string_body> message_of(const Address& address, const Request& request) {
  beast::http::request<beast::http::string_body> message;
  message.version(11);
  message.method_string(request.method);
  message.target(request.target);
  message.set(beast::http::field::host, address.is_unix() ? "localhost" : address.str());
  message.set(beast::http::field::connection, "close");
  for (const auto& [name, value] : request.headers) message.set(name, value);
  message.body() = request.body;
  message.prepare_payload();
  return message;
}

Response response_of(beast::http::response<beast::http::string_body>&& message) {
  Response out;
  out.status = static_cast<int>(message.result_int());
  for (const auto& field : message) {
    std::string name(field.name_string());
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (name == "content-type")
      out.content_type = field.value();
    else
      out.headers[name] = field.value();
  }
  out.body = std::move(message.body());
  return out;
}

asio::awaitable<void> send(Attempt& attempt) {
  // A blank or line end would let a user's word become a request of its own.
  for (char c : attempt.request.target)
    if (static_cast<uint8_t>(c) <= 0x20 || c == 0x7f)
      throw Error("not a request target: " + percent_encode(attempt.request.target));
  if (auto error = co_await connect(attempt)) attempt.fail(error);
  auto message = message_of(attempt.address, attempt.request);
  auto [error, size] = co_await beast::http::async_write(attempt.connection->socket, message, kAsResult);
  // A server may respond and close before it has read all: then the response counts.
  bool hung_up = error == asio::error::broken_pipe || error == asio::error::connection_reset;
  if (error && !hung_up) attempt.fail(error);
}

asio::awaitable<std::shared_ptr<Connection>> make_connection() {
  co_return std::make_shared<Connection>(Protocol::socket(co_await asio::this_coro::executor));
}

}  // namespace

asio::awaitable<Response> request(Address address, Request request, std::chrono::milliseconds timeout) {
  Attempt attempt{address, request, co_await make_connection(), timeout};
  if (timeout.count() > 0) attempt.connection->arm(timeout);
  co_await send(attempt);
  beast::flat_buffer buffer;
  beast::http::response_parser<beast::http::string_body> parser;
  parser.body_limit(kMostBody);
  parser.skip(request.method == "HEAD");
  auto [error, size] = co_await beast::http::async_read(attempt.connection->socket, buffer, parser, kAsResult);
  if (error) attempt.fail(error);
  co_return response_of(parser.release());
}

Response request_blocking(const Address& address, const Request& what, std::chrono::milliseconds timeout) {
  asio::io_context context(1);
  std::exception_ptr failure;
  Response out;
  asio::co_spawn(context, request(address, what, timeout), [&](std::exception_ptr thrown, Response response) {
    failure = thrown;
    out = std::move(response);
  });
  context.run();
  if (failure) std::rethrow_exception(failure);
  return out;
}

asio::awaitable<void> stream(Address address, Request request, std::function<void(std::string_view)> on_data,
                             std::function<void()> on_open) {
  Attempt attempt{address, request, co_await make_connection(), kConnectTime};
  auto& socket = attempt.connection->socket;
  attempt.connection->arm(kConnectTime);
  co_await send(attempt);
  attempt.connection->disarm();

  beast::flat_buffer buffer;
  beast::http::response_parser<beast::http::buffer_body> parser;
  parser.body_limit(boost::none);
  auto [error, size] = co_await beast::http::async_read_header(socket, buffer, parser, kAsResult);
  if (error) attempt.fail(error);
  int status = static_cast<int>(parser.get().result_int());
  if (status == 200 && on_open) on_open();
  std::string refusal;
  std::array<char, 16 * 1024> piece;
  while (!parser.is_done()) {
    parser.get().body() = {.data = piece.data(), .size = piece.size(), .more = true};
    std::tie(error, size) = co_await beast::http::async_read_some(socket, buffer, parser, kAsResult);
    // The piece is full: hand it over and come again.
    if (error == beast::http::error::need_buffer) error = {};
    std::string_view data(piece.data(), piece.size() - parser.get().body().size);
    if (status == 200 && !data.empty())
      on_data(data);
    else if (refusal.size() < piece.size())
      refusal += data;
    if (error) attempt.fail(error);
  }
  if (status != 200)
    throw Error(
        fmt::format("{} {} on {}: status {}: {}", request.method, request.path(), address.str(), status, refusal));
}

}  // namespace weave::http
