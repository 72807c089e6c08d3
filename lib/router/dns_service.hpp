// The DNS server's process as the router sees it: supervised, and fed with names.
#pragma once
#include <boost/asio/local/stream_protocol.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/asio.hpp"
#include "dns/feed.hpp"
#include "dns/server.hpp"
#include "names/names.hpp"
#include "supervise/service.hpp"

namespace weave::router {

class DnsService {
 public:
  // `config` is asked before each start, so that an address that wasn't there yet (of Docker's bridge) may come; it
  // throws Error when there is none. All must outlive the service.
  DnsService(asio::any_io_executor executor, const names::Database& names, std::function<dns::Config()> config);

  supervise::Service& service() { return service_; }
  // Entries as the database's operations return them.
  void changed(const names::Entries& entries);
  // Entries that are gone without a tombstone.
  void erased(const names::Entries& entries);
  // What the server said last.
  const dns::Status& status() const { return status_; }

 private:
  using Socket = asio::local::stream_protocol::socket;
  // One life of the process: a new one begins with a snapshot.
  struct Feed {
    explicit Feed(Socket s) : socket(std::move(s)) {}
    Socket socket;
    dns::FeedEncoder encoder;
    Bytes pending;
    bool writing = false;
  };

  supervise::Service::Start open();
  void send(const Bytes& bytes);
  static asio::awaitable<void> write(std::shared_ptr<Feed> feed);
  asio::awaitable<void> read(std::shared_ptr<Feed> feed);

  asio::any_io_executor executor_;
  const names::Database& names_;
  std::function<dns::Config()> config_;
  std::shared_ptr<Feed> feed_;
  dns::Status status_;
  supervise::Service service_;
};

// The configuration's way to the process.
std::string to_json(const dns::Config& config);
dns::Config dns_config_from_json(std::string_view text);

}  // namespace weave::router
