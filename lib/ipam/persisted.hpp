// What IPAM keeps in the store, and how: readable text, one row an entry of the ring and one row an ident, so that an
// allocation writes two small rows in one transaction.
#pragma once
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ipam/ring.hpp"
#include "store/store.hpp"

namespace weave::ipam {

// An address filed under an ident.
struct Held {
  Cidr cidr;
  bool container = false;  // the ident is a container: its end frees the address

  bool operator==(const Held&) const = default;
};

struct Persisted {
  PeerName self;    // whose data this is; 0: nothing was stored
  Ipv4Range range;  // what was to be shared out
  std::vector<Entry> entries;
  std::vector<PeerName> seeds;
  std::map<std::string, std::vector<Held>> owned;  // by ident, in the order of acquisition
};

// Writes all of the changes or none, and returns when they are safe; throws Error otherwise.
using Save = std::function<void(std::span<const Change>)>;

// The store's tables: "ipam" (keys self, range, seeds), "ipam-ring" (key: token), "ipam-owned" (key: ident).
Persisted load(Store& store);  // throws Error when a row can't be understood
Save save_to(Store& store);    // the store must outlive it

// What has to be written so that the store says `now` where it says `before`.
std::vector<Change> changes(const Ring& before, const Ring& now);
Change owned_change(const std::string& ident, std::span<const Held> held);
// Erases what was loaded, and says whose data and which range this is from now on.
std::vector<Change> start_anew(const Persisted& old, const Ring& ring);

}  // namespace weave::ipam
