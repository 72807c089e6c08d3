// What IPAM keeps in the store, and how: readable text, one row an entry of the ring and one row an ident, so that an
// allocation writes two small rows in one transaction.
#pragma once
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ipam/paxos.hpp"
#include "ipam/ring.hpp"
#include "store/store.hpp"

namespace weave::ipam {

// An address that is in use, filed under an ident.
struct Allocation {
  Cidr cidr;
  bool container = false;  // the ident is a container: the address becomes free when the container ends

  bool operator==(const Allocation&) const = default;
};

struct Persisted {
  PeerName self;    // whose data this is; 0: nothing was stored
  Ipv4Range range;  // what was to be shared out
  std::vector<Entry> entries;
  std::vector<PeerName> seeds;
  std::map<std::string, std::vector<Allocation>> owned;  // by ident, in the order of acquisition
  std::map<PeerName, std::string> nicknames;             // of other peers, so that those can be named that are gone
  // What we have promised in an election that isn't over, and as which acceptor.
  std::optional<std::pair<NodeId, Claims>> election;
  // The seeds of a ring that was given up, while the ring of another cluster is awaited.
  std::optional<std::vector<PeerName>> abandoned_seeds;
};

// Writes all of the changes or none, and returns when they are safe; throws Error otherwise.
using Save = std::function<void(std::span<const Change>)>;

// The store's tables: "ipam" (keys self, range, seeds, election, left), "ipam-ring" (key: token), "ipam-owned" (key:
// ident), "ipam-nicknames" (key: peer).
Persisted load(Store& store);  // throws Error when a row can't be understood
// The same from anything that holds rows; `where` is its name.
struct Rows {
  std::function<std::optional<std::string>(const std::string& table, const std::string& key)> get;
  std::function<std::vector<std::pair<std::string, std::string>>(const std::string& table)> all;
  std::string where;
};
Persisted load(const Rows& rows);
Save save_to(Store& store);  // the store must outlive it

// What has to be written so that the store says `now` where it says `before`.
std::vector<Change> changes(const Ring& before, const Ring& now);
Change owned_change(const std::string& ident, std::span<const Allocation> held);
Change nickname_change(PeerName peer, const std::string& nickname);  // an empty one erases
// Nothing: the election is over.
Change election_change(const std::optional<std::pair<NodeId, Claims>>& election);
// Nothing: a ring was received, or none was given up.
Change abandoned_seeds_change(const std::optional<std::vector<PeerName>>& seeds);
// Erases what was loaded, and says whose data and which range this is from now on.
std::vector<Change> start_anew(const Persisted& old, const Ring& ring);

}  // namespace weave::ipam
