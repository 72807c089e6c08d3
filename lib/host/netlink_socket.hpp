// A blocking netlink socket: a request, and what the kernel answers (internal to this library; netlink.* and xfrm.* say
// what can be asked).
#pragma once
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/fd.hpp"

namespace weave::host {

class NetlinkSocket {
 public:
  // Works in the namespace in which the calling thread is now, whatever the thread does later. `protocol`:
  // NETLINK_ROUTE, ... Throws Error.
  explicit NetlinkSocket(int protocol);

  struct Answer {
    int code = 0;      // errno, or 0
    std::string text;  // the kernel's explanation, or empty
    std::vector<Bytes> messages;
  };
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
