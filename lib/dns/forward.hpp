// Questions that aren't ours go to the host's name servers.
//
// Servers are asked in the order of the file, each started when the one before has failed or has been silent for a
// while
// (`stagger`); the first reply that isn't SERVFAIL or REFUSED wins. The query travels unchanged except for a random id,
// from a fresh source port, over the client's transport.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "dns/answer.hpp"

namespace weave::dns {

namespace asio = boost::asio;

// The name servers of a resolv.conf, in order, spelled as there. Comments and everything but `nameserver` is ignored.
std::vector<std::string> parse_resolv_conf(std::string_view text);

struct ForwardConfig {
  std::string resolv_conf;                  // path; empty: no server is asked
  std::chrono::milliseconds timeout{5000};  // for the whole query
  std::chrono::milliseconds stagger{300};   // silence of one server after which the next is asked, too
  uint16_t port = 53;                       // of the name servers
  std::vector<asio::ip::address> own;       // addresses we listen on: asking them would be a loop
  size_t max_in_flight = 1024;              // queries; more get SERVFAIL
};

class Forwarder {
 public:
  Forwarder(asio::any_io_executor executor, ForwardConfig config);

  // The reply to give to the client; SERVFAIL when nobody answers. Over UDP it has at most `limit` bytes. `query` must
  // have at least a header.
  asio::awaitable<Bytes> forward(Bytes query, Transport transport, size_t limit);

  // The name servers as of now. Looks whether the file has changed when the last look is 5 s old.
  const std::vector<std::string>& upstreams();

 private:
  struct Race;
  struct Server {
    asio::ip::address address;
    std::chrono::steady_clock::time_point dead_until{};
  };
  using Servers = std::vector<std::shared_ptr<Server>>;
  static asio::awaitable<void> ask_udp(std::shared_ptr<Race> race, std::shared_ptr<Server> server, uint16_t port);
  static asio::awaitable<void> ask_tcp(std::shared_ptr<Race> race, std::shared_ptr<Server> server, uint16_t port);
  void reload();
  bool is_loop(const asio::ip::address& address) const;

  asio::any_io_executor executor_;
  ForwardConfig config_;
  std::vector<std::string> upstreams_;
  Servers servers_;
  std::chrono::steady_clock::time_point checked_{};
  bool unreadable_ = false;                                    // the file of name servers, which has been logged
  std::tuple<int64_t, int64_t, uint64_t, int64_t> version_{};  // mtime, inode, size
  size_t in_flight_ = 0;
};

}  // namespace weave::dns
