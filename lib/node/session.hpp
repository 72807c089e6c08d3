// A TCP connection to another router, from the socket to whole messages: the handshake within its time, then messages
// in, messages out.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>

#include "mesh/endpoint.hpp"
#include "mesh/handshake.hpp"

namespace weave::mesh {

namespace asio = boost::asio;

// Limits of a session. Tests shorten them.
struct SessionLimits {
  std::chrono::milliseconds header{10'000};     // until the peer's first seven bytes are there
  std::chrono::milliseconds handshake{15'000};  // until its features are accepted
  std::chrono::milliseconds write{60'000};      // without a byte going out
  size_t queue = 64 * 1024 * 1024;              // bytes waiting to go out
};

class TcpSession : public std::enable_shared_from_this<TcpSession> {
 public:
  // Takes over a connected socket.
  TcpSession(asio::ip::tcp::socket socket, SessionLimits limits);

  // Runs the handshake; the stream stays here. On failure, what we had to say is still sent, so that the peer learns
  // its reason, too.
  asio::awaitable<Result<Introduced>> introduce(HandshakeMachine machine);

  // After introduce(): hands over each message until the connection ends. Returns the reason; close() ends it, too.
  asio::awaitable<std::string> receive(std::function<void(ByteView)> on_message);

  // Queues a message. `drained` is called, not from within, whenever everything queued has gone to the kernel.
  void send(ByteView message);
  void on_drained(std::function<void()> drained) { drained_ = std::move(drained); }

  // Ends the connection; the first reason counts.
  void close(const std::string& reason);
  bool closed() const { return !reason_.empty(); }

  Endpoint remote() const { return remote_; }
  Endpoint local() const { return local_; }

 private:
  asio::awaitable<std::string> flush(Bytes bytes);
  asio::awaitable<void> linger();
  asio::awaitable<void> write();
  void arm(asio::steady_timer& timer, std::chrono::milliseconds after, std::string reason);

  asio::ip::tcp::socket socket_;
  SessionLimits limits_;
  Endpoint remote_, local_;
  std::string reason_;
  asio::steady_timer deadline_, write_deadline_;
  std::optional<MessageStream> stream_;
  std::deque<Bytes> queue_;
  size_t queued_ = 0;
  bool writing_ = false;
  std::function<void()> drained_;
};

// An endpoint of a socket; IPv4 addresses in IPv6 form become IPv4.
Endpoint endpoint_of(const asio::ip::tcp::endpoint& endpoint);

}  // namespace weave::mesh
