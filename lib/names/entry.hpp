// What the names' database holds: one entry is one name with one address.
//
// Source: Weave Net 2.8.1, nameserver/entry.go.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "address/ipv4.hpp"
#include "address/mac.hpp"

namespace weave::names {

// Container ids of entries that belong to no container.
inline constexpr std::string_view kExternalId = "weave:extern";  // registered by hand
inline constexpr std::string_view kExposeId = "weave:expose";    // the address of the bridge

// One registration, as it travels in gossip. Only the origin may change it; version and tombstone are its value, the
// rest is its key. Letter case of the hostname doesn't belong to the key (Weave Net disagrees, which can kill its
// routers).
struct Entry {
  std::string hostname;   // fully qualified, with the trailing dot, in the spelling that the origin uses
  PeerName origin;        // the peer that registered it
  std::string container;  // container id, or one of the ids above
  Ipv4 address;
  int64_t version = 0;    // 0 at first registration, one more at every removal and re-registration
  int64_t tombstone = 0;  // 0: live; otherwise unix seconds of the removal
  // Registered by hand: preferred in reverse look-ups. Known at the origin only, for gossip doesn't carry it.
  bool by_hand = false;

  bool live() const { return tombstone == 0; }
  bool operator==(const Entry&) const = default;
};

using Entries = std::vector<Entry>;

// ASCII lower case; other bytes stay.
std::string lower(std::string_view text);

// `name` in lower case with exactly its trailing dot ("Web1.weave.local" gives "web1.weave.local.").
std::string canonical(std::string_view name);

// True when the name (trailing dot optional) can be put in a DNS message: labels of 1..63 octets, at most 253 in all.
bool encodable(std::string_view name);

// True when `name` equals `domain` or lies below it, label by label and ignoring case; trailing dots are optional.
bool within(std::string_view name, std::string_view domain);

// Why the name can't be registered in `domain`: outside, the domain itself, bad labels. Empty when it can.
std::string refusal(std::string_view name, std::string_view domain);

// True when `incoming` replaces `stored` (same key): higher version, or equal version and a later tombstone.
bool wins(const Entry& incoming, const Entry& stored);

// Makes a list fit to be sent: of entries whose key is equal (ignoring case) only the winner stays, and the rest is in
// the order that Weave Net sends: hostname bytewise, origin, container id, address. Weave Net's receiver dies of
// duplicates, so every list goes through here before it is encoded.
Entries for_sending(Entries entries);

// Two updates not sent yet become one.
Entries combine(Entries first, Entries second);

}  // namespace weave::names
