// A whole mesh in one process: virtual time, and a network that delays, loses connections, partitions and crashes
// peers, all from one seed. The cluster is the edge of every peer's Mesh, and stands in for the connection maker: it
// keeps trying to connect the pairs of peers that are to be neighbours.
#pragma once
#include <functional>
#include <memory>
#include <queue>
#include <random>

#include "mesh/mesh.hpp"

namespace weave::sim {

using mesh::ConnectionId;
using mesh::Mesh;
using mesh::Time;
using std::chrono::milliseconds;
using Duration = Time::duration;

struct Settings {
  uint64_t seed = 1;
  milliseconds delay_min{1}, delay_max{40};  // of a message, one way
  milliseconds stall{0};                     // for how long a sender's socket takes nothing more, at most
  milliseconds clock_skew{0};                // peers' clocks differ by up to this
  double clock_drift = 0;                    // and run fast or slow by up to this
  size_t connection_limit = 0;
  milliseconds relay_every = mesh::kRelayInterval;
  bool trace = false;  // prints what happens
  // A router has started, with a mesh that has no connections yet: a place to add channels.
  std::function<void(size_t peer, Mesh& mesh)> started = {};
  std::function<void(size_t peer, const std::vector<mesh::Peer>& gone)> peers_gone = {};
};

struct Count {
  uint64_t messages = 0, bytes = 0;
  Count operator-(Count other) const { return {messages - other.messages, bytes - other.bytes}; }
};

class Cluster {
 public:
  Cluster(size_t peers, Settings settings);

  // -- Who is to be connected to whom.
  void want(size_t a, size_t b);
  void want_full_mesh();
  // A ring through all in random order and `chords` more pairs.
  void want_ring(size_t chords);

  // -- What goes wrong.
  void cut(size_t a, size_t b);  // the connection is reset; it comes back
  void cut_random();
  void partition(std::vector<int> side);  // by peer; messages between sides vanish
  void heal() { side_.assign(nodes_.size(), 0); }
  void crash(size_t peer, bool reset);  // reset: the others see their connections end
  void restart(size_t peer);

  // -- Time.
  void run(Duration length);
  // Until the topology is the same everywhere and right, at most so long; answers whether.
  bool run_until_settled(Duration at_most);

  // -- What there is.
  size_t size() const { return nodes_.size(); }
  bool alive(size_t peer) const { return nodes_[peer].mesh != nullptr; }
  Mesh& mesh(size_t peer) { return *nodes_[peer].mesh; }
  PeerName name(size_t peer) const { return nodes_[peer].name; }
  // Carries out what a peer wants done, after its mesh was called from outside.
  void drain(size_t peer);
  Time local(size_t peer) const;  // what its clock shows
  // The first way in which the mesh isn't as it should be: tables that differ, wanted connections missing. Empty: fine.
  std::string unsettled() const;
  // The first way in which routes are wrong: unreachable peers, loops, lengths that differ by direction. Empty: fine.
  std::string wrong_routes() const;
  // Everyone broadcasts once; the first peer that didn't get each exactly once. Needs a settled cluster.
  std::string wrong_broadcasts();

  Count total() const { return total_; }
  Count by_tag(mesh::Tag tag) const { return tags_[static_cast<size_t>(tag)]; }
  uint64_t closed_by_mesh() const { return closed_; }
  Time now() const { return now_; }
  std::mt19937_64& random() { return random_; }

 private:
  struct Node {
    PeerName name;
    std::unique_ptr<Mesh> mesh;
    uint64_t generation = 0;  // of its router; events for an earlier one are void
    Duration skew{0};
    double drift = 0;
    Time tick_at = Time::max();
    std::map<std::pair<PeerName, uint64_t>, int> broadcasts;
  };
  struct Wire {
    size_t a = 0, b = 0;
    uint64_t conn_uid = 0;
    bool up[2] = {false, false};    // each side's view
    bool busy[2] = {false, false};  // the socket of each side
    Time arrival[2];                // of the last message towards each side: order is kept
    std::vector<Bytes> early[2];    // came before that side was through with the handshake
  };
  struct Event {
    Time at;
    uint64_t order;
    std::function<void()> run;
    bool operator>(const Event& other) const { return std::tie(at, order) > std::tie(other.at, other.order); }
  };

  void start(size_t peer);
  void at(Time time, std::function<void()> run);
  void after(Duration delay, std::function<void()> run) { at(now_ + delay, std::move(run)); }
  Duration delay();
  Time global(size_t peer, Time local) const;
  void maintain(size_t a, size_t b);
  void dial(size_t a, size_t b);
  void establish(ConnectionId id, int end);
  void close(ConnectionId id, const std::string& reason);
  void deliver(ConnectionId id, int to, Bytes message);
  bool connected(size_t a, size_t b) const;

  Settings settings_;
  std::mt19937_64 random_;
  Time now_{};
  uint64_t order_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::vector<Node> nodes_;
  std::set<std::pair<size_t, size_t>> wanted_;
  std::map<ConnectionId, Wire> wires_;
  ConnectionId next_wire_ = 1;
  std::vector<int> side_;
  Count total_, tags_[256];
  uint64_t closed_ = 0;
  uint64_t broadcast_ = 0;
};

// From the environment variable WEAVE_SIM_SEED, or else `given`: so a failure that names its seed can be replayed.
uint64_t seed_or(uint64_t given);

}  // namespace weave::sim
