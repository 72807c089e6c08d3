#include "node/session.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/asio.hpp"
#include "node/asio_ip.hpp"

namespace weave::mesh {

namespace {

using asio::ip::tcp;
constexpr size_t kReadSize = 16 * 1024;
constexpr auto kLingerTime = std::chrono::milliseconds(1000);

std::string text_of(const boost::system::error_code& code) {
  return code == asio::error::eof ? "connection closed by the peer" : code.message();
}

}  // namespace

Endpoint endpoint_of(const tcp::endpoint& endpoint) {
  return {from_asio(endpoint.address()), endpoint.port()};
}

TcpSession::TcpSession(tcp::socket socket, SessionLimits limits)
    : socket_(std::move(socket)),
      limits_(limits),
      deadline_(socket_.get_executor()),
      write_deadline_(socket_.get_executor()) {
  boost::system::error_code code;
  auto remote = socket_.remote_endpoint(code);
  if (!code) remote_ = endpoint_of(remote);
  auto local = socket_.local_endpoint(code);
  if (!code) local_ = endpoint_of(local);
  socket_.set_option(tcp::no_delay(true), code);
}

void TcpSession::close(const std::string& reason) {
  if (closed()) return;
  reason_ = reason.empty() ? "closed" : reason;
  boost::system::error_code ignored;
  socket_.close(ignored);
  deadline_.cancel();
  write_deadline_.cancel();
  queue_.clear();
}

void TcpSession::arm(asio::steady_timer& timer, std::chrono::milliseconds after, std::string reason) {
  timer.expires_after(after);
  timer.async_wait([weak = weak_from_this(), reason = std::move(reason)](boost::system::error_code code) {
    auto self = weak.lock();
    if (!code && self) self->close(reason);
  });
}

asio::awaitable<std::string> TcpSession::flush(Bytes bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    auto [code, count] =
        co_await socket_.async_write_some(asio::buffer(bytes.data() + sent, bytes.size() - sent), kAsResult);
    if (code) co_return closed() ? reason_ : text_of(code);
    sent += count;
  }
  co_return std::string();
}

// Closing with input unread would reset the connection, and the peer could lose what we have said.
asio::awaitable<void> TcpSession::linger() {
  if (closed()) co_return;
  arm(deadline_, kLingerTime, "closed");
  boost::system::error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  std::array<uint8_t, 4096> scrap;
  for (size_t total = 0; total < 1024 * 1024;) {
    auto [code, count] = co_await socket_.async_read_some(asio::buffer(scrap), kAsResult);
    if (code) break;
    total += count;
  }
  close("closed");
}

asio::awaitable<Result<Introduced>> TcpSession::introduce(HandshakeMachine machine) {
  auto self = shared_from_this();
  auto started = std::chrono::steady_clock::now();
  arm(deadline_, limits_.header, "handshake timed out");
  Bytes buffer(kReadSize);
  for (bool header = true;;) {
    // After a failure this is what the peer needs to find its own reason.
    auto trouble = co_await flush(machine.take_output());
    if (machine.failed() || machine.done()) break;
    if (!trouble.empty()) {
      machine.closed(trouble);
      break;
    }
    if (header && !machine.awaiting_header()) {
      header = false;
      auto passed = std::chrono::steady_clock::now() - started;
      arm(deadline_, std::chrono::duration_cast<std::chrono::milliseconds>(limits_.handshake - passed),
          "handshake timed out");
    }
    auto [code, count] = co_await socket_.async_read_some(asio::buffer(buffer), kAsResult);
    if (code)
      machine.closed(closed() ? reason_ : text_of(code));
    else
      machine.feed(ByteView(buffer).first(count));
  }
  deadline_.cancel();
  if (machine.failed()) {
    asio::co_spawn(
        socket_.get_executor(), [self]() -> asio::awaitable<void> { co_await self->linger(); }, asio::detached);
    co_return Refused(machine.reason());
  }
  if (closed()) co_return Refused(reason_);
  auto introduced = machine.take();
  stream_ = std::move(introduced.stream);
  co_return introduced;
}

asio::awaitable<std::string> TcpSession::receive(std::function<void(ByteView)> on_message) {
  auto self = shared_from_this();
  Bytes buffer(kReadSize);
  for (;;) {
    // First what came along with the handshake.
    while (!closed()) {
      auto message = stream_->next();
      if (!message) close(message.error());
      if (closed() || !*message) break;
      on_message(**message);
    }
    if (closed()) break;
    auto [code, count] = co_await socket_.async_read_some(asio::buffer(buffer), kAsResult);
    if (code)
      close(text_of(code));
    else
      stream_->feed(ByteView(buffer).first(count));
  }
  co_return reason_;
}

void TcpSession::send(ByteView message) {
  if (closed() || !stream_) return;
  auto bytes = stream_->encode(message);
  if (!bytes) return close(bytes.error());
  if (queued_ + bytes->size() > limits_.queue) return close("the peer takes messages too slowly");
  queued_ += bytes->size();
  queue_.push_back(std::move(*bytes));
  if (std::exchange(writing_, true)) return;
  asio::co_spawn(
      socket_.get_executor(), [self = shared_from_this()]() -> asio::awaitable<void> { co_await self->write(); },
      asio::detached);
}

asio::awaitable<void> TcpSession::write() {
  while (!closed() && !queue_.empty()) {
    auto bytes = std::move(queue_.front());
    queue_.pop_front();
    size_t sent = 0;
    while (sent < bytes.size() && !closed()) {
      arm(write_deadline_, limits_.write, "the peer takes nothing any more");
      auto [code, count] =
          co_await socket_.async_write_some(asio::buffer(bytes.data() + sent, bytes.size() - sent), kAsResult);
      if (code) close(text_of(code));
      sent += count;
      queued_ -= count;
    }
  }
  write_deadline_.cancel();
  writing_ = false;
  if (!closed() && drained_) drained_();
}

}  // namespace weave::mesh
