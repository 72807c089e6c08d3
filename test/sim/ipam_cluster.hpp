// Many allocators in one process: virtual time, and a network that delays, partitions and crashes peers, all from one
// seed. Lighter than Cluster (there is no mesh below), so that thousands of runs fit into seconds; like a mesh it
// passes broadcasts on under the name of their source with the state of whoever passes them on.
//
// After every event the cluster is checked; what is found to be wrong throws Wrong with a sentence.
#pragma once
#include <functional>
#include <memory>
#include <queue>
#include <random>
#include <set>

#include "ipam/allocator.hpp"

namespace weave::sim {

struct IpamSettings {
  uint64_t seed = 1;
  size_t peers = 4;
  std::string range = "10.0.0.0/24";
  size_t observers = 0;        // the last ones
  bool by_seed = false;        // all are given the list of peers for the first division
  double crash = 0, full = 0;  // chance that a write to the store crashes the peer, or fails
  bool trace = false;
};

struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class IpamCluster {
 public:
  using Time = ipam::Allocator::Time;
  using Duration = Time::duration;

  explicit IpamCluster(IpamSettings settings);

  size_t size() const { return nodes_.size(); }
  bool alive(size_t peer) const { return nodes_[peer].allocator != nullptr; }
  ipam::Allocator& allocator(size_t peer) { return *nodes_[peer].allocator; }
  PeerName name(size_t peer) const { return nodes_[peer].name; }
  std::mt19937_64& random() { return random_; }
  size_t pick(size_t below) { return random_() % below; }
  Time now() const { return now_; }
  void run(Duration length);

  // -- What users do. A dead peer is left alone.
  void allocate(size_t peer, const std::string& ident, Cidr subnet);
  void claim(size_t peer, const std::string& ident, Cidr cidr);
  void release(size_t peer, const std::string& ident);
  // rmpeer of `dead` at `peer`. `contested`: somebody else may be doing the same, or the dead may come back with its
  // containers: then an address may be given twice, but must be reported.
  void take_over(size_t peer, size_t dead, bool contested, bool force = false);
  // reset: gives everything away, and forgets it.
  void leave(size_t peer);

  // -- What goes wrong.
  void crash(size_t peer);
  void restart(size_t peer);
  // The host is gone, with its containers; the disk may come back.
  void destroy(size_t peer);
  void partition(std::vector<int> side);
  void heal() { partition(std::vector<int>(size(), 0)); }
  bool reachable(size_t from, size_t to) const;

  // -- What ought to be.

  // Lets time go by until all rings are equal and nobody who could be served waits; throws Wrong after `at_most`.
  void settle(Duration at_most);
  // The first difference between the rings of the living; empty: none.
  std::string difference();
  // Everybody gets an address, as long as there are free ones.
  void check_everybody_is_served();
  // How many containers have an address that another one was given before: by contested takeovers only.
  size_t duplicates() const {
    size_t count = 0;
    for (auto address : duplicates_) count += held_.at(address).size() - 1;
    return count;
  }
  std::map<size_t, std::set<std::string>>& containers() { return containers_; }
  uint64_t events() const { return done_; }
  uint64_t messages() const { return messages_; }
  uint64_t crashes() const { return crashes_; }
  uint64_t answers() const { return answers_; }

 private:
  struct Crash {};
  struct Node {
    PeerName name;
    std::unique_ptr<ipam::Allocator> allocator;
    uint64_t generation = 0;
    std::map<std::pair<std::string, std::string>, std::string> disk;
    std::map<ipam::Ticket, std::pair<std::string, std::string>> waits;  // ident and what for
    bool removed = false;  // by somebody's rmpeer: what it has may be given to others
    bool informed = true;  // has heard of others since it came back
    bool gone = false;     // left for good, or was destroyed
  };
  struct Event {
    Time at;
    uint64_t order;
    std::function<void()> run;
    bool operator>(const Event& other) const { return std::tie(at, order) > std::tie(other.at, other.order); }
  };

  void after(Duration delay, std::function<void()> run) { events_.push({now_ + delay, order_++, std::move(run)}); }
  Duration delay() { return std::chrono::microseconds(500 + random_() % 40000); }
  void start(size_t peer);
  void tick(size_t peer, uint64_t generation);
  void gossip(size_t peer, uint64_t generation);
  void greet(size_t a, size_t b);
  void broadcast(size_t peer);
  // One message to one peer, in order with those before it; handled by `take`.
  void deliver(size_t from, size_t to, std::function<Result<void>(ipam::Allocator&)> take);
  // Calls into an allocator: a crash in it kills the peer; afterwards answers are taken and all is checked.
  void call(size_t peer, const std::function<void(ipam::Allocator&)>& what);
  void take_answers(size_t peer);
  void given(size_t peer, const std::string& ident, Ipv4 address);
  void check(size_t peer);
  // What a state would do to a Weave Net peer in the place of `to`: it must neither close the connection nor lose a
  // range, which stops it.
  void check_harmless(size_t to, ByteView state);
  void forget_containers(size_t peer);
  size_t index(PeerName name) const;
  [[noreturn]] void wrong(const std::string& what);

  IpamSettings settings_;
  std::mt19937_64 random_;
  Cidr range_;
  Time now_{};
  uint64_t order_ = 0, done_ = 0, messages_ = 0, crashes_ = 0, answers_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::vector<Node> nodes_;
  std::vector<int> side_;
  std::map<std::pair<size_t, size_t>, Time> arrival_;
  std::map<Ipv4, std::set<std::pair<size_t, std::string>>> held_;  // what containers were told that they have
  std::map<size_t, std::set<std::string>> containers_;
  std::set<Ipv4> duplicates_;
  bool contested_ = false;
  bool calm_ = false;  // nothing goes wrong any more
};

// How many runs: `given`, or times the environment variable WEAVE_SIM_RUNS.
int runs_or(int given);

}  // namespace weave::sim
