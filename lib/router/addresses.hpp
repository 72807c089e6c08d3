// Addresses on request: the allocator, with patience and with an eye on whether the asker still lives.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ipam/allocator.hpp"

namespace weave::router {

namespace asio = boost::asio;

class Addresses {
 public:
  // Whether a container runs; asked once a request. May throw Error, which counts as yes.
  using Alive = std::function<asio::awaitable<bool>(std::string ident)>;

  Addresses(asio::any_io_executor executor, ipam::Config config, const ipam::Persisted& stored, ipam::Save save,
            Alive alive);
  Addresses(const Addresses&) = delete;

  // An address for `ident` in the subnet; waits until one is free. Nothing when it was given up: the container isn't
  // running (`check_alive`) or died meanwhile, or this peer is leaving. Throws Error with the refusal's text.
  asio::awaitable<std::optional<Cidr>> allocate(std::string ident, Cidr subnet, bool check_alive);
  // Exactly this address; false when given up.
  asio::awaitable<bool> claim(std::string ident, Cidr address, bool check_alive);
  // False when there was nothing to release.
  bool release(const std::string& ident, std::optional<Ipv4> address);

  // Events of containers.
  void container_died(const std::string& ident);
  void container_started(const std::string& ident) { allocator_.container_started(ident); }
  void container_destroyed(const std::string& ident);
  // What Docker says runs and exists: what doesn't exist is freed, what doesn't run has its grace.
  void reconcile(const std::set<std::string>& running, const std::set<std::string>& existing);
  // To be called every few seconds.
  void tick();

  std::optional<PeerName> leave();
  uint64_t take_over(const std::string& peer);

  ipam::Allocator& allocator() { return allocator_; }
  const ipam::Allocator& allocator() const { return allocator_; }
  // "<ident> <subnet>" of the requests that wait.
  std::vector<std::string> waiting() const;

 private:
  struct Waiting {
    std::string ident;
    Cidr subnet;
    asio::steady_timer retry;
    bool given_up = false;
  };

  void changed();
  asio::awaitable<bool> gone(const std::string& ident, bool check_alive);

  asio::any_io_executor executor_;
  ipam::Allocator allocator_;
  Alive alive_;
  std::list<Waiting> waiting_;  // in order of arrival
};

}  // namespace weave::router
