// A blocking netlink socket: a request, and what the kernel answers (internal to this library; netlink.* and xfrm.* say
// what can be asked).
#pragma once
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/fd.hpp"

namespace weave::host {

struct NetlinkAnswer {
  int code = 0;      // errno, or 0; EINTR: the tables changed during a dump, which may have holes
  std::string text;  // the kernel's explanation, or empty
  std::vector<Bytes> messages;
};

// Collects the answer to the request with a sequence number from the datagrams that the kernel sends.
class AnswerReader {
 public:
  explicit AnswerReader(uint32_t sequence) : sequence_(sequence) {}

  // True when the answer is complete; the rest of the datagram is ignored then. Throws Error when it is malformed.
  bool feed(ByteView datagram);
  NetlinkAnswer take() { return std::move(answer_); }

 private:
  void finish(uint16_t type, uint16_t flags, ByteView body);

  uint32_t sequence_;
  bool interrupted_ = false;
  NetlinkAnswer answer_;
};

class NetlinkSocket {
 public:
  // Works in the namespace in which the calling thread is now, whatever the thread does later. `protocol`:
  // NETLINK_ROUTE, ... Throws Error.
  explicit NetlinkSocket(int protocol);

  using Answer = NetlinkAnswer;
  // Throws Error only when the socket itself fails.
  Answer exchange(Bytes request);
  // Throws Error with what was attempted when the answer is an error.
  Answer checked(Bytes request, const std::string& attempted);

  int fd() const { return socket_.get(); }

 private:
  Answer exchange_once(Bytes& request);

  UniqueFd socket_;
  uint32_t sequence_ = 0;
};

// `attempted`: the errno's text, and the kernel's explanation if there is one.
std::string explained(const std::string& attempted, int code, const std::string& text);

}  // namespace weave::host
