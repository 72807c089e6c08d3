// HTTP/1.1 over unix sockets and TCP: a server and a client, on Boost.Asio coroutines. Boost.Beast stays inside this
// library.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "address/service.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace weave::http {

namespace asio = boost::asio;

// Where a server listens.
using Address = ServiceAddress;

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method = "GET";
  std::string target = "/";                    // path and query, percent-encoded
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  // Of a request to a server over TCP that isn't GET or HEAD: whether it came over the loopback interface, and the user
  // of the client's process when it runs on this host.
  bool loopback = false;
  std::optional<uint32_t> user{};

  // The path, still percent-encoded.
  std::string_view path() const;
  // Decoded form fields: of the body first (POST and PUT, application/x-www-form-urlencoded), then of the query.
  Fields form() const;
  // The first value of a form field.
  std::optional<std::string> field(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string body;
  std::string content_type;                    // empty: no header
  std::map<std::string, std::string> headers;  // names in lower case

  static Response text(std::string body, int status = 200);
  static Response json(std::string body, int status = 200);
};

// Percent-encoding of one path element or query value, and back ('+' is a blank only in forms). Nothing for bad
// escapes.
using weave::percent_encode;
std::optional<std::string> percent_decode(std::string_view text);

using Handler = std::function<asio::awaitable<Response>(Request)>;

struct Limits {
  size_t header_bytes = 16 * 1024;
  size_t body_bytes = 1024 * 1024;
  size_t connections = 64;
  std::chrono::seconds idle{60};  // between requests; a handler may take as long as it likes
};

// Serves until destroyed or closed. A handler that throws weave::Error sends status 500 with its text; a client that
// hangs up while its request is handled cancels the handler.
class Server {
 public:
  // Binds at once; throws Error (the text names the address and, for "in use", says so). A stale unix socket (nobody
  // answers) is replaced, a live one is an error.
  Server(asio::any_io_executor executor, Address address, Handler handler, int unix_mode = 0660, Limits limits = {});
  ~Server();
  Server(const Server&) = delete;
  // The address bound, with the real port when 0 was asked for.
  const Address& address() const;
  // Stops listening, closes connections and removes the unix socket file.
  void close();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// The server took the request and closed the connection before it had responded.
class HungUp : public Error {
 public:
  explicit HungUp(const std::string& message) : Error(ErrorKind::kUnavailable, message) {}
};

// One request on a connection of its own. Throws Error when there is no response (kind and code tell why a connection
// failed; HungUp; malformed) or none in time (kTimeout). `timeout` zero: none.
asio::awaitable<Response> request(Address address, Request request, std::chrono::milliseconds timeout);

// The same for programs without an event loop.
Response request_blocking(const Address& address, const Request& request, std::chrono::milliseconds timeout);

// Sends the request and hands over the body of the answer as it arrives, chunk framing removed. Returns when the server
// ends the body; throws Error as request() does, also for a status other than 200. Cancel with an asio cancellation
// signal. `on_open` is called once, when the header of an answer with status 200 has come. Connecting may take 10 s.
asio::awaitable<void> stream(Address address, Request request, std::function<void(std::string_view)> on_data,
                             std::function<void()> on_open = {});

}  // namespace weave::http
