// The allocator: gives out addresses of the ranges that the ring gives to this peer, remembers to whom, and shares the
// range with the other peers. A state machine: the edge brings messages, requests and the time, and sends what Links
// asks it to send.
//
//   requests ──▶ RequestQueue ──▶ Attempts ──▶ replies    what can't be met waits: for a ring, for space of another
//                     │              │                    peer, for a release; it is tried on each change and tick
//                     │              ▼
//                     │           Ledger                  ring, space and allocations; each change is one transaction,
//                     │              ▲                    stored before it is answered or sent
//                     ▼              │
//   messages ──▶  Exchange ◀──▶ Election, SpaceRequests, Nicknames
//
// What must never happen: two containers with one address. Where peers disagree about a range, the newer version of the
// ring wins, on all peers alike. An address in use in a range that is lost in this way stays in use; its new owner is
// asked for it, and it is reported as long as it isn't this peer's.
#pragma once
#include <set>

#include "ipam/attempts.hpp"
#include "ipam/exchange.hpp"
#include "ipam/report.hpp"

namespace weave::ipam {

class Allocator {
 public:
  using Time = Core::Time;
  struct Owned {
    std::string ident;
    std::vector<Cidr> addresses;  // in the order of acquisition
  };
  static constexpr auto kDeathGrace = Allocations::kDeathGrace;
  static constexpr auto kTick = std::chrono::seconds(5);  // how often tick() is to be called

  // Continues with what was stored, unless that belongs to another peer or range: then it is erased (see note()).
  // Without stored ring and seed nothing is divided before the first request. `save` is called within every call that
  // changes something, before it replies or sends; when it throws, the call throws the same and nothing has changed.
  // Messages and waiting requests don't throw: what couldn't be saved is tried again, and reported.
  Allocator(Config config, const Persisted& stored, Save save, Links links = {});
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;

  // For the log: why stored data wasn't used (empty: it was), and "Initialising with persisted data" or the like.
  const std::string& note() const { return note_; }
  const std::string& mode() const { return mode_; }

  // Starts the first division of the range, if there was none: at once when no other peer was named, else by election.
  void establish() { exchange_.establish(); }

  // -- Requests that wait as long as it takes. They may be answered at once; take() has the replies. They throw only
  // what `save` throws; then there is no ticket.

  // The lowest free host address of the subnet (a valid one: parse_subnet), with the subnet's prefix. An ident that has
  // an address in the subnet gets that again. `container`: the address becomes free when the container `ident` ends.
  Ticket ask_allocate(const std::string& ident, Cidr subnet, bool container = false);
  // A certain address; network and broadcast address, and addresses outside the range, too. A repeated claim succeeds.
  // "_" may claim what anybody holds: it can't be told whether that is the same container.
  Ticket ask_claim(const std::string& ident, Cidr cidr, bool container = false, ClaimMode mode = ClaimMode::kAsked);
  // Until there is a ring.
  Ticket ask_ring();
  // The request is given up: there will be no reply.
  void cancel(Ticket ticket) { core_.requests.cancel(ticket); }
  // To be called after every other call.
  std::vector<Reply> take() { return core_.requests.take(); }

  // -- Requests that don't wait: what isn't possible now is refused with the reason.
  Answer<Cidr> allocate(const std::string& ident, Cidr subnet, bool container = false);
  Answer<void> claim(const std::string& ident, Cidr cidr, bool container = false);

  // "Free: address <a> not found for <ident>"
  Result<void> release(const std::string& ident, Ipv4 address);
  // "Delete: no addresses for <ident>"
  Result<void> release_all(const std::string& ident);

  // The ident's addresses among the host addresses of a subnet, by default of the default subnet.
  std::vector<Cidr> lookup(const std::string& ident, std::optional<Cidr> subnet = {}) const;
  // Everything in use, by ident.
  std::vector<Owned> owned() const;
  // The ident under which an address is filed.
  std::optional<std::string> holder(Ipv4 address) const { return core_.ledger.allocations.holder(address); }

  // -- Events of containers. A dead one keeps its addresses for kDeathGrace, a destroyed one doesn't. Its waiting
  // requests are cancelled. `in_use`: addresses that are on the network whatever became of the container, because
  // another process or a mount keeps its namespace; they stay with the ident, and each tick looks again.
  void container_died(const std::string& ident, Time now);
  void container_started(const std::string& ident) { core_.ledger.allocations.container_started(ident); }
  void container_destroyed(const std::string& ident, const std::set<Ipv4>& in_use = {});
  // Compares with the containers of this host: one that doesn't run counts as dead, one that doesn't exist as
  // destroyed.
  void reconcile(const std::set<std::string>& running, const std::set<std::string>& existing, Time now,
                 const std::set<Ipv4>& in_use = {});
  // To be called every kTick: frees the addresses of containers that died long enough ago, continues the election,
  // tries again what waits. Returns the idents freed.
  std::vector<std::string> tick(Time now, const std::set<Ipv4>& in_use = {});
  // tick() would free addresses: it must be told which are in use.
  bool frees_at(Time now) const { return !core_.ledger.allocations.expired(now).empty(); }

  // -- The other peers.

  // Our state as it is to be sent now; nothing after this peer left without an heir.
  std::optional<Bytes> state() const { return exchange_.state(); }
  // A state was received, as gossip or as a broadcast; `source` is the peer that sent it first, unknown for gossip. A
  // refusal means that the connection has to be closed: the bytes are no state, or the other ring can never be merged.
  Result<void> on_state(ByteView bytes, std::optional<PeerName> source) { return exchange_.on_state(bytes, source); }
  // A unicast was received: tag and content; one of an unknown tag is ignored.
  Result<void> on_unicast(PeerName from, ByteView message) { return exchange_.on_unicast(from, message); }
  // The mesh has forgotten a peer.
  void peer_gone(PeerName peer) { exchange_.peer_gone(peer); }

  // Takes the ranges of a peer that won't come back, by nickname or name. Returns how many addresses became free here:
  // 0 for an unknown peer and for this one. Refuses a nickname that several peers have, and, unless forced, a peer that
  // can be reached.
  Result<uint32_t> takeover(const std::string& name_or_nickname, bool force = false);
  // Gives all ranges of this peer to another, one that can be reached if there is one; from then on allocations and
  // claims are cancelled. Returns the heir, if there is one.
  std::optional<PeerName> leave(const std::function<bool(PeerName)>& can_reach);

  // -- Differences between the rings, and their repair.

  // See diagnosis.hpp.
  std::vector<Finding> diff() const;
  Report report(const std::function<bool(PeerName)>& can_reach) const;
  // Asks the owners of stranded addresses for them now, also those that refused before.
  AskedBack repair();
  // For a cluster that was divided apart from another: gives up this peer's ring and waits as an observer for one with
  // another first division. Addresses in use stay in use and are asked of their owners there; until then no address is
  // given out. Survives a restart. Refused while no peer with such a ring has been heard, and, unless forced, while
  // other peers that share our ring can be reached. Throws what `save` throws.
  Result<void> rejoin(bool force = false) { return exchange_.rejoin(force); }

  std::string nickname(PeerName peer) const { return core_.nicknames.of(peer); }  // empty when unknown
  const Config& config() const { return core_.config; }
  const Links& links() const { return core_.links; }
  const Ring& ring() const { return core_.ledger.ring; }
  const Space& space() const { return core_.ledger.space; }

 private:
  void start(const Persisted& stored);
  Ticket submit(Request request);
  // Tries the waiting requests if something has changed, and announces addresses that became free.
  void process_pending();
  void refuse_claims(Ipv4 address, PeerName owner);

  Core core_;
  Exchange exchange_;
  Attempts attempts_;
  std::string note_, mode_;
  bool processing_ = false;
};

}  // namespace weave::ipam
