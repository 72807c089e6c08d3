// The DNS server: UDP and TCP on several addresses, answering from a table of names and forwarding the rest.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "address/service.hpp"
#include "base/error.hpp"
#include "dns/feed.hpp"
#include "names/index.hpp"

namespace weave::dns {

namespace asio = boost::asio;

struct Config {
  std::vector<SocketAddress> listen;        // port 0 takes any (for tests)
  std::string domain = "weave.local.";      // case and trailing dot don't matter
  uint32_t ttl = 1;                         // seconds
  std::string resolv_conf;                  // path of the file that names the name servers; empty: nothing is forwarded
  std::chrono::milliseconds timeout{5000};  // for a forwarded query
  PeerName local;                           // whose containers come first in answers; 0: nobody's
  uint16_t upstream_port = 53;              // of the name servers
  size_t max_tcp_connections = 128;
};

// The programs that hold a port on this machine, as "dnsmasq (pid 812)", comma-separated; empty when none can be found.
// Looks at sockets of the calling process's network namespace.
std::string port_holder(uint16_t port, bool tcp);

class Server {
 public:
  // Binds every address for UDP and TCP; throws Error that names the address and, when it is taken, who holds it.
  // `table` must outlive the server. Queries wait in the sockets until start().
  Server(asio::any_io_executor executor, Config config, const names::Index& table);
  ~Server();

  // Begins to answer.
  void start();
  // Closes all sockets; queries under way are dropped.
  void stop();

  // The addresses as bound.
  std::vector<SocketAddress> listening() const;
  Status status() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// The body of the DNS server process. Binds, gives up root (and everything that goes with it), writes one byte `R` to
// `ready_fd` or `E<message>\n<hint>`, and closes it; answers once the first snapshot has come over `feed_fd`, until
// that socket closes. Sends its status there when it has changed, at most once a second. Owns both descriptors. Returns
// the exit status: 0 when the router closed the feed, 1 after a failure.
int run_server(int feed_fd, int ready_fd, const Config& config);

}  // namespace weave::dns
