// Addresses on request: coroutines over the allocator, which wait for it and end when the client is gone.
//
// The router gives it the way to the other peers (ipam::Links), adds channel() to the mesh under ipam::kChannelName,
// and calls peer_gone() and tick().
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gossip/channel.hpp"
#include "ipam/allocator.hpp"

namespace weave::router {

namespace asio = boost::asio;

class Addresses {
 public:
  // Whether a container runs; asked once a request. May throw Error, which counts as yes.
  using Alive = std::function<asio::awaitable<bool>(std::string ident)>;

  // The addresses that any network namespace of this host has on the bridge, from the kernel. May throw Error: then
  // nothing is freed for now.
  using InUse = std::function<asio::awaitable<std::set<Ipv4>>()>;

  Addresses(asio::any_io_executor executor, ipam::Config config, const ipam::Persisted& stored, ipam::Save save,
            Alive alive, ipam::Links links = {}, InUse in_use = {});
  Addresses(const Addresses&) = delete;

  // An address for `ident` in the subnet; waits until one is free. Nothing when it was given up: the container isn't
  // running (`check_alive`) or died meanwhile, or this peer is leaving. Throws Error with the refusal's text.
  asio::awaitable<std::optional<Cidr>> allocate(std::string ident, Cidr subnet, bool check_alive);
  // Exactly this address; waits for its owner when that is another peer. False when given up. `lenient`: an owner that
  // is unknown or out of reach is no reason to wait; the claim is tried on after the answer.
  asio::awaitable<bool> claim(std::string ident, Cidr address, bool check_alive, bool lenient = false);
  // An address that a container or the bridge has, found when the router started.
  void found(const std::string& ident, Cidr address, bool container);
  // Waits until it is agreed who owns what, and calls for that.
  asio::awaitable<void> prime();
  // False when there was nothing to release.
  bool release(const std::string& ident, std::optional<Ipv4> address);

  // Events of containers.
  void container_died(const std::string& ident);
  void container_started(const std::string& ident) { allocator_.container_started(ident); }
  // Its addresses are freed when no namespace uses them any more.
  void container_destroyed(const std::string& ident);
  // What Docker says runs and exists: what doesn't exist is freed, what doesn't run has its grace.
  void reconcile(std::set<std::string> running, std::set<std::string> existing);
  // To be called every ipam::Allocator::kTick.
  void tick();

  // The channel of the mesh. The mesh must not outlive this.
  gossip::Channel channel();
  // The mesh has forgotten a peer.
  void peer_gone(PeerName peer);

  // After it the broadcast that names the heir must be given the time to leave (Weave Net waits half a second).
  std::optional<PeerName> leave();
  // Throws Error for a peer that can be reached, unless forced, and for a nickname of several.
  uint64_t take_over(const std::string& peer, bool force = false);

  // What is wrong between our ring and the others', a line each; empty when they fit.
  std::string diff() const;
  // Asks stranded addresses back now; with `rejoin` gives up our ring for that of another cluster (see
  // ipam::Allocator::rejoin; throws Error when that is refused). What was done, for people.
  std::string repair(bool rejoin, bool force);

  ipam::Allocator& allocator() { return allocator_; }
  const ipam::Allocator& allocator() const { return allocator_; }

 private:
  struct Waiting {
    asio::steady_timer woken;
    std::optional<ipam::Answer<Cidr>> answer;
  };

  // Calls `free` with the addresses in use; not at all when they aren't known.
  asio::awaitable<void> with_addresses_in_use(std::function<void(const std::set<Ipv4>&)> free);
  void spawn(std::function<void(const std::set<Ipv4>&)> free);
  void tick_with(const std::set<Ipv4>& in_use);
  // Hands the allocator's answers to those who wait for them: after every call into it.
  void deliver();
  // Nothing when given up. Throws Error with the refusal's text.
  asio::awaitable<std::optional<Cidr>> answer(ipam::Ticket ticket, std::string what);
  asio::awaitable<bool> gone(const std::string& ident, bool check_alive);

  asio::any_io_executor executor_;
  ipam::Allocator allocator_;
  Alive alive_;
  InUse in_use_;
  bool ticking_ = false;  // a tick waits for the addresses in use
  std::map<ipam::Ticket, Waiting> waiting_;
};

}  // namespace weave::router
