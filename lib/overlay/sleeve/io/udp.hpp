// Sleeve's UDP port: two sockets on it, because whether a packet may be fragmented is a property of a socket, and
// threads send both kinds at the same time.
//
//     ─ may be fragmented:  receives everything that comes, sends
//     ─ must not be:        sends only; a program in the kernel gives what comes to the other
//
// Packets leave from the port that is listened on, because peers answer to where heartbeats come from.
#pragma once
#include <sys/socket.h>

#include <array>
#include <functional>

#include "base/fd.hpp"
#include "overlay/sleeve/connection.hpp"

namespace weave::overlay {

class SleeveUdp {
 public:
  // Binds UDP `host`:`port` (host 0: all addresses; port 0: any). Throws Error.
  SleeveUdp(Ipv4 host, uint16_t port);

  uint16_t port() const { return port_; }
  // To be polled for input.
  int receiver() const { return fragmenting_.get(); }

  // One packet, at once or not at all. Any thread.
  SleevePort::Sent send(const UdpAddress& to, Ipv4 from, ByteView payload, bool df) const;
  // Packets of `packet_size` bytes each, the last perhaps shorter, at most 64. `wait`: up to 100 ms
  // for space in the socket's buffer. Returns how many were refused, and why the last one was. Any thread.
  struct BatchSent {
    size_t refused = 0;
    SleevePort::Sent last;
  };
  BatchSent send_batch(const UdpAddress& to, Ipv4 from, ByteView packets, size_t packet_size, bool df, bool wait);

  // Buffers to receive in; each belongs to one thread.
  class Inbox {
   public:
    Inbox();
    // Takes what has come, without waiting; false when there was nothing. Packets may be changed by who handles them.
    bool receive(const SleeveUdp& udp,
                 const std::function<void(std::span<uint8_t> packet, const UdpAddress& from)>& handle);

   private:
    static constexpr size_t kMessages = 8, kBufferSize = 65536;
    Bytes buffers_;
  };

 private:
  int socket_for(bool df) const { return df ? whole_.get() : fragmenting_.get(); }

  UniqueFd fragmenting_, whole_;
  uint16_t port_ = 0;
  std::atomic<bool> segmentation_{true};  // the kernel cuts batches
};

}  // namespace weave::overlay
