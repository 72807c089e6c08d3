// The allocator: hands out addresses of the ranges that the ring gives to this peer, remembers to whom, and shares the
// range with the other peers. A state machine: the edge brings messages, requests and the time, and sends what Links
// asks it to send.
//
//   requests ──▶ pending ──▶ space ──▶ answers         what can't be served waits: for a ring, for space of another
//                   │          ▲                       peer, for a release; it is tried again on each change and tick
//                   ▼          │ ranges
//   messages ──▶ ring ◀── election                     every change is saved before it is answered or sent
//
// Addresses are filed under an ident: a container's full id, "weave:expose" for the bridge, or any other text. The
// ident "_" stands for a container whose id isn't known; its address is filed under the address's own text.
//
// What must never happen: two containers with one address. Where peers disagree about a range the newer version of the
// ring wins, on all peers alike. An address that is in use in a range lost so stays in use; it is asked back from the
// new owner, one by one, and reported as long as it isn't ours.
#pragma once
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ipam/persisted.hpp"
#include "ipam/report.hpp"
#include "ipam/ring.hpp"
#include "ipam/space.hpp"
#include "ipam/wire.hpp"

namespace weave::ipam {

// Why an allocation or claim has no address.
struct Refusal {
  enum class Kind {
    kRefused,    // the request can't be met, now or later
    kFull,       // no address of ours is free there; one may become free, or come from another peer
    kElsewhere,  // the address belongs to another peer
    kNoRing,     // the peers haven't agreed yet who owns what
    kCancelled,  // the request was given up, or this peer is leaving
  };
  Kind kind = Kind::kRefused;
  std::string text;
};
template <class T>
using Answer = tl::expected<T, Refusal>;

struct Config {
  PeerName self;
  std::string nickname;
  Cidr range;                  // what all peers share out; the same on each of them
  Cidr default_subnet;         // for requests that name none; must overlap the range
  std::vector<PeerName> seed;  // peers of the first division, if it isn't to be agreed upon
  bool observer = false;       // doesn't vote on the first division, but waits for it
  uint32_t expected = 0;       // how many peers will vote; 0: as many as the user named (Links::targets), and ourselves
  uint64_t uid = 0;            // random, of this run of the router: the acceptor that we are
  std::function<uint64_t()> random;  // to spread requests over donors, and to avoid ties; none: no chance at all
};

// The way to the other peers. A function that isn't set stands for a peer that is alone. They mustn't call back.
struct Links {
  // A message of the channel (wire.hpp) for one peer. Refused when there is no way to it.
  std::function<Result<void>(PeerName to, Bytes message)> unicast;
  // Our state is to go to all peers; Allocator::state() is asked for when it goes.
  std::function<void()> broadcast;
  // Whether the mesh has a way to the peer.
  std::function<bool(PeerName)> reachable;
  // How many other peers the user named: the guess at the size of the cluster.
  std::function<size_t()> targets;
  // Unix time in seconds.
  std::function<int64_t()> unix_time;
};

using Ticket = uint64_t;  // of a request that may have to wait; never 0

struct Answered {
  Ticket ticket = 0;
  Answer<Cidr> answer;  // what was allocated or claimed; of no meaning when the ring was waited for
};

class Allocator {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Owned {
    std::string ident;
    std::vector<Cidr> addresses;  // in the order of acquisition
  };
  static constexpr auto kDeathGrace = std::chrono::seconds(30);
  static constexpr auto kTick = std::chrono::seconds(5);  // how often tick() is to be called

  // Goes on with what was stored, unless that is another peer's or of another range: that is forgotten (see note()).
  // Without stored ring and seed nothing is divided before the first request. `save` is called within every call that
  // changes something, before it answers or sends; when it throws, the call throws the same and nothing has changed.
  // Messages and waiting requests don't throw: what couldn't be saved is tried again, and reported.
  Allocator(Config config, const Persisted& stored, Save save, Links links = {});
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;

  // How it started, for the log: why stored data wasn't used (empty: it was), and "Initialising with persisted data" or
  // the like.
  const std::string& note() const { return note_; }
  const std::string& mode() const { return mode_; }

  // Calls for the first division, if that hasn't happened: at once when nobody else was named, else by election.
  void establish();

  // -- Requests that wait as long as it takes. They may be answered at once; take() has the answer. They throw only
  // what `save` throws; then there is no ticket.

  // The lowest free host address of the subnet (a valid one: parse_subnet), with the subnet's prefix. An ident that has
  // an address in the subnet gets that again. `container`: the end of the container `ident` frees the address.
  Ticket ask_allocate(const std::string& ident, Cidr subnet, bool container = false);
  enum class Claim {
    kAsked,    // by somebody who waits for the answer
    kLenient,  // is answered at once when the owner is unknown or out of reach, and goes on being tried
    kFound,    // in use already when the router started: it is tried until it is decided; a first election waits a tick
  };
  // A certain address; network and broadcast address, and addresses outside the range, too. Claiming one's own again is
  // no error. "_" may claim what anybody holds: it can't be told whether that is the same container.
  Ticket ask_claim(const std::string& ident, Cidr cidr, bool container = false, Claim how = Claim::kAsked);
  // Until there is a ring.
  Ticket ask_ring();
  // Nobody waits any more; there will be no answer.
  void cancel(Ticket ticket);
  // To be called after every other call.
  std::vector<Answered> take() { return std::exchange(answers_, {}); }

  // -- Requests that don't wait: what can't be had now is refused with the reason.
  Answer<Cidr> allocate(const std::string& ident, Cidr subnet, bool container = false);
  Answer<void> claim(const std::string& ident, Cidr cidr, bool container = false);

  // "Free: address <a> not found for <ident>"
  Result<void> release(const std::string& ident, Ipv4 address);
  // "Delete: no addresses for <ident>"
  Result<void> release_all(const std::string& ident);

  // The ident's addresses among the host addresses of a subnet, by default of the default subnet.
  std::vector<Cidr> lookup(const std::string& ident, std::optional<Cidr> subnet = {}) const;
  // Everything filed, by ident.
  std::vector<Owned> owned() const;
  // The ident under which an address is filed.
  std::optional<std::string> holder(Ipv4 address) const;
  // The peer that owns an address, 0 when unknown or outside the range.
  PeerName owner_of(Ipv4 address) const;

  // -- Events of containers. A dead one keeps its addresses for kDeathGrace, a destroyed one doesn't. What it waits for
  // is cancelled.
  void container_died(const std::string& ident, Time now);
  void container_started(const std::string& ident);
  void container_destroyed(const std::string& ident);
  // Frees what containers hold that aren't among `running`. Answers their idents.
  std::vector<std::string> prune(const std::set<std::string>& running);
  // To be called every kTick: frees what died long enough ago, goes on with the election, tries again what waits.
  // Answers the idents freed.
  std::vector<std::string> tick(Time now);

  // -- The other peers.

  // Our state as it is to be sent now; nothing after we left without an heir.
  std::optional<Bytes> state() const;
  // A state came in, as gossip or as a broadcast; `source` is where it came from at first, and unknown for gossip. A
  // refusal means that the connection has to be closed: the bytes are no state, or the other ring can never be merged.
  Result<void> on_state(ByteView bytes, std::optional<PeerName> source);
  // A unicast came in: tag and content; an unknown one is ignored.
  Result<void> on_unicast(PeerName from, ByteView message);
  // The mesh has forgotten a peer.
  void peer_gone(PeerName peer);

  // Takes the ranges of a peer that won't come back, by nickname or name. Answers how many addresses became free here:
  // 0 for an unknown one and for ourselves. Refuses a nickname that several peers have, and, unless forced, a peer that
  // can be reached.
  Result<uint32_t> takeover(const std::string& name_or_nickname, bool force = false);
  // Gives all of our ranges to another owner, a reachable one if there is; from then on allocations and claims are
  // cancelled. Answers the heir, if there is any.
  std::optional<PeerName> leave(const std::function<bool(PeerName)>& reachable);

  // -- What doesn't fit, and mending it.

  // Everything that is wrong between our ring and the others', seen from here; nothing when they fit.
  std::vector<Finding> diff() const;
  // Asks the owners of stranded addresses for them now, also those that refused before.
  AskedBack repair();
  // For a cluster that was divided apart from another: forgets our ring and takes part as an observer until one comes
  // that was divided first by others. What is in use stays in use; it is asked back from whoever owns it there, and
  // until then nothing new is given out. Survives a restart. Refused while no peer with such a ring has been heard,
  // and, unless forced, while other peers that share our ring can be reached. Throws what `save` throws.
  Result<void> rejoin(bool force = false);

  void set_nickname(PeerName peer, std::string nickname);
  std::string nickname(PeerName peer) const;  // empty when unknown

  const Config& config() const { return config_; }
  const Links& links() const { return links_; }
  const Ring& ring() const { return ring_; }
  const Space& space() const { return space_; }
  Report report(const std::function<bool(PeerName)>& reachable) const;
  // "<ident> <subnet>" of the allocations that wait.
  std::vector<std::string> waiting() const;

 private:
  class Work;
  enum class Kind { kRing, kClaim, kAllocate };  // in the order in which they are tried
  struct Pending {
    Kind kind = Kind::kRing;
    Ticket ticket = 0;
    std::string ident;
    Cidr cidr;
    bool container = false;
    Claim how = Claim::kAsked;
    bool answered = false;
    int ticks = 0;  // that it has seen go by
    Refusal waits;  // for what
  };
  struct Asked {  // for space, since the last tick
    PeerName donor;
    Ipv4Range range;
    bool denied = false;
  };
  struct Unmergeable {  // a ring that was refused: another range, another first division, or the one that we gave up
    enum class Why { kRange, kSeeds, kLeft };
    Why why = Why::kRange;
    std::string text;
    Time when;
  };
  using Tried = std::optional<Answer<Cidr>>;  // nothing: it waits

  // Ours alone.
  void restore(const Persisted& stored);
  bool in_range(Ipv4 address) const { return ring_.range().contains(address); }
  bool has_container(const std::string& ident) const;
  Answer<void> claim_inside(const std::string& ident, Cidr cidr, bool container);
  Answer<void> claim_outside(const std::string& ident, Cidr cidr, bool container);
  void free_containers(Work& work, const std::string& ident);
  std::string owned_by_other(Cidr cidr, PeerName owner) const;

  // Pending requests.
  Ticket submit(Pending request);
  Tried attempt(Pending& request);
  Tried attempt_allocate(Pending& request);
  Tried attempt_claim(Pending& request);
  void retry();
  void settle();
  void give_up(const std::function<bool(const Pending&)>& which);
  std::optional<Pending> withdraw(Ticket ticket);
  void ask_for_space(Cidr subnet);
  Result<void> ask_for_address(Ipv4 address);
  Asked* asked(PeerName donor, Ipv4Range range);
  size_t ask_back();

  // The ring and the others.
  void elect();
  void propose();
  void save_election(const std::optional<Claims>& before);
  void create_ring(const std::vector<PeerName>& peers);
  Result<void> take_state(const State& state, std::optional<PeerName> source);
  Result<void> take_ring(const WireRing& received);
  void take_election(const PaxosTable& table);
  void take_nicknames(const std::map<PeerName, std::string>& nicknames);
  void save_nicknames();
  void on_request(PeerName from, Ipv4Range range);
  void on_denial(PeerName from, Ipv4Range range);
  void hand_over();
  std::vector<PeerName> resolve(const std::string& name_or_nickname) const;
  void note_unmergeable(PeerName peer, Unmergeable::Why why, std::string text);
  void forget_unmergeable(PeerName peer);
  bool recent(const Unmergeable& one) const;
  std::vector<PeerName> sharers() const;
  std::string listed(const std::vector<PeerName>& peers) const;
  std::string shown(PeerName peer) const;

  Result<void> send(PeerName to, Tag tag, ByteView content);
  void send_state(PeerName to);
  void broadcast();
  bool reachable(PeerName peer) const { return links_.reachable && links_.reachable(peer); }
  void trouble(std::string text);

  Config config_;
  Save save_;
  Links links_;
  std::string note_, mode_;
  Ring ring_, stored_ring_;  // the ring, and what the store says it is
  Space space_;
  std::map<std::string, std::vector<Held>> owned_;
  std::map<Ipv4, std::string> holders_;  // the inverse of owned_
  std::map<std::string, Time> dead_;
  std::map<PeerName, std::string> nicknames_;
  std::map<PeerName, std::string> stored_nicknames_;
  bool leaving_ = false;
  bool keep_stored_ring_ = false;  // left without an heir: the ring in memory names nobody, which is nobody's business
  std::optional<PeerName> heir_;

  Time now_{};                  // of the last tick
  std::optional<Paxos> paxos_;  // nothing: an observer
  bool election_stored_ = false;
  // The first division of the ring that was given up for another one, which is still to come; and what the store says.
  std::optional<std::vector<PeerName>> left_, stored_left_;
  bool awaiting_ = false;       // a ring
  std::list<Pending> pending_;  // in order of arrival
  Ticket last_ticket_ = 0;
  std::vector<Answered> answers_;
  std::vector<Asked> asked_;
  std::map<Ipv4, Time> denied_;                  // addresses in use in ranges of others who won't give them
  std::map<PeerName, Unmergeable> unmergeable_;  // by the peer whose ring it was
  bool stale_ = false;                           // something has changed that a request may have waited for
  bool announce_ = false;                        // addresses became free where there were none
  bool retrying_ = false;
  std::map<std::string, Time> troubles_;  // what went wrong with others or the store, and when last
};

}  // namespace weave::ipam
