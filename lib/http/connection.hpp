// One connection with a deadline. Internal to this library.
#pragma once
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include "http/http.hpp"

namespace weave::http {

using Protocol = asio::generic::stream_protocol;

inline Protocol::endpoint endpoint_of(const Address& address) {
  if (address.is_unix()) return asio::local::stream_protocol::endpoint(address.path);
  return asio::ip::tcp::endpoint(asio::ip::make_address(address.host), address.port);
}

// A socket that is closed when its deadline passes: whatever waits on it then ends with an error.
struct Connection : std::enable_shared_from_this<Connection> {
  explicit Connection(Protocol::socket connected) : socket(std::move(connected)), timer(socket.get_executor()) {}

  // Replaces the deadline before.
  void arm(std::chrono::milliseconds limit) {
    timer.expires_after(limit);
    timer.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      auto self = weak.lock();
      if (error || !self || self->timer.expiry() > std::chrono::steady_clock::now()) return;
      self->timed_out = true;
      self->close();
    });
  }
  void disarm() { timer.expires_at(asio::steady_timer::time_point::max()); }
  void close() {
    boost::system::error_code ignored;
    socket.close(ignored);
  }

  Protocol::socket socket;
  asio::steady_timer timer;
  bool timed_out = false;
};

}  // namespace weave::http
