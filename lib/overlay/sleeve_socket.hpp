// The UDP socket that all sleeve connections of a router share.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "overlay/sleeve.hpp"

namespace weave::overlay {

namespace asio = boost::asio;

class SleeveSocket {
 public:
  // Binds UDP `host`:`port` (host 0: all addresses) and receives from then on. Port 0 takes any. Throws Error.
  SleeveSocket(asio::any_io_executor executor, Ipv4 host, uint16_t port);
  ~SleeveSocket();
  SleeveSocket(const SleeveSocket&) = delete;
  SleeveSocket& operator=(const SleeveSocket&) = delete;

  // A forwarder that gets the peer's packets from its confirmation on. `changed` is called when it may have events.
  // It must not outlive this. Refuses links that aren't IPv4.
  Result<std::unique_ptr<Forwarder>> make(Link link, std::function<void()> changed);

  // Where container frames go that come in.
  void on_frame(std::function<void(PeerName source, PeerName destination, ByteView frame)> deliver);

  uint16_t port() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace weave::overlay
