// The allocator: hands out addresses of the ranges that the ring gives to this peer, and remembers to whom.
//
// Addresses are filed under an ident: a container's full id, "weave:expose" for the bridge, or any other text. The
// ident "_" stands for a container whose id isn't known; its address is filed under the address's own text.
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ipam/persisted.hpp"
#include "ipam/ring.hpp"
#include "ipam/space.hpp"

namespace weave::ipam {

// Why an allocation or claim has no address.
struct Refusal {
  enum class Kind {
    kRefused,    // the request can't be met, now or later
    kFull,       // no address of ours is free there; one may become free
    kElsewhere,  // the address belongs to another peer
    kCancelled,  // this peer is leaving
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
  std::vector<PeerName> seed;  // peers of the first division, if it isn't to wait for the first request
};

struct Report {
  struct Share {
    Ipv4 token;
    uint32_t size = 0;  // addresses, free or not
    PeerName peer;
    std::string nickname;  // empty when unknown
    bool known = false;    // the peer can be reached; so can we
    uint32_t version = 0;
  };
  std::string status;  // "idle", "ready", or "all IP ranges owned by unreachable peers - ..."
  Cidr range, default_subnet;
  uint32_t range_num_ips = 0;
  uint32_t active_ips = 0;     // in use, of those that are ours
  std::vector<Share> entries;  // by token; an entry that wraps round gives two
};

class Allocator {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Owned {
    std::string ident;
    std::vector<Cidr> addresses;  // in the order of acquisition
  };
  static constexpr auto kDeathGrace = std::chrono::seconds(30);

  // Goes on with what was stored, unless that is another peer's or of another range: that is forgotten (see note()).
  // Without stored ring and seed nothing is divided before the first request. `save` is called within every call that
  // changes something, before it answers; when it throws, the call throws the same and nothing has changed.
  Allocator(Config config, const Persisted& stored, Save save);

  // How it started, for the log: "Initialising with persisted data" and the like.
  const std::string& note() const { return note_; }

  // Divides the range if that hasn't happened. This version makes this peer its only owner.
  void establish();

  // The lowest free host address of the subnet (a valid one: parse_subnet), with the subnet's prefix. An ident that has
  // an address in the subnet gets that again. `container`: the end of the container `ident` frees the address.
  Answer<Cidr> allocate(const std::string& ident, Cidr subnet, bool container = false);
  // Files a certain address; network and broadcast address, and addresses outside the range, too. Claiming one's own
  // again is no error. "_" may claim what anybody holds: it can't be told whether that is the same container.
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

  // Events of containers. A dead one keeps its addresses for kDeathGrace, a destroyed one doesn't.
  void container_died(const std::string& ident, Time now);
  void container_started(const std::string& ident);
  void container_destroyed(const std::string& ident);
  // Frees what containers hold that aren't among `running`. Answers their idents.
  std::vector<std::string> prune(const std::set<std::string>& running);
  // To be called every few seconds: frees what died long enough ago. Answers the idents.
  std::vector<std::string> tick(Time now);

  // Takes the ranges of a peer, by nickname or name, for good. Answers how many addresses became free here: 0 for an
  // unknown one and for ourselves.
  uint32_t takeover(const std::string& name_or_nickname);
  // Gives all of our ranges to another owner, a reachable one if there is; from then on allocations and claims are
  // cancelled. Answers the heir, if there is any.
  std::optional<PeerName> leave(const std::function<bool(PeerName)>& reachable);

  void set_nickname(PeerName peer, std::string nickname);
  std::string nickname(PeerName peer) const;  // empty when unknown

  const Config& config() const { return config_; }
  const Ring& ring() const { return ring_; }
  const Space& space() const { return space_; }
  Report report(const std::function<bool(PeerName)>& reachable) const;

 private:
  class Work;

  void restore(const Persisted& stored);
  bool in_range(Ipv4 address) const { return ring_.range().contains(address); }
  bool has_container(const std::string& ident) const;
  Answer<void> claim_inside(const std::string& ident, Cidr cidr, bool container);
  Answer<void> claim_outside(const std::string& ident, Cidr cidr, bool container);
  void free_containers(Work& work, const std::string& ident);

  Config config_;
  Save save_;
  std::string note_;
  Ring ring_, stored_ring_;  // the ring, and what the store says it is
  Space space_;
  std::map<std::string, std::vector<Held>> owned_;
  std::map<Ipv4, std::string> holders_;  // the inverse of owned_
  std::map<std::string, Time> dead_;
  std::map<PeerName, std::string> nicknames_;
  bool leaving_ = false;
  bool keep_stored_ring_ = false;  // left without an heir: the ring in memory names nobody, which is nobody's business
};

}  // namespace weave::ipam
