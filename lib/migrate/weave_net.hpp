// What Weave Net has left on this host: its ring, the addresses of its containers and its targets, from the file that
// it kept them in. Taken over at the first launch, so that a node can be switched without a container losing its
// address.
//
// Source: Weave Net 2.8.1, db/boltdb.go and ipam/allocator.go.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "ipam/persisted.hpp"

namespace weave::migrate {

// What such a file says.
struct WeaveNetState {
  PeerName self;                   // 0: it ran without IP allocation, or never got so far
  std::optional<ipam::Ring> ring;  // absent likewise, or when the range was never shared out
  std::map<std::string, std::vector<ipam::Allocation>> owned;  // by container id or another ident
  std::vector<std::string> targets;                            // as the user gave them

  size_t addresses() const;
};

// Refuses what can't be read or breaks the rules of a ring. Never throws on what it reads.
Result<WeaveNetState> decode_weave_net(ByteView file);

// For the log.
struct Imported {
  std::string path;
  WeaveNetState state;
  // "peer 12:d2:fe:7a:c1:f2, range 10.32.0.0-10.48.0.0, 3 addresses, 2 targets".
  std::string str() const;
};

// The files to look for: Weave Net's usual ones, or that of its option --db-prefix when it isn't empty.
std::vector<std::string> weave_net_files(const std::string& db_prefix);

// Writes what a file says into a store that holds nothing of IP allocation: the tables of ipam/persisted.hpp, and in
// table "router" the keys "name" and "targets" (a JSON list) unless they are there. The file isn't changed. Throws
// Error when the file can't be read or is in use, and when the store can't be written; then nothing was.
Imported import_weave_net(const std::string& path, Store& store);

// The same for the first of the files that exists; nothing when none does, or when the store has its own data already.
std::optional<Imported> import_at_first_launch(const std::string& db_prefix, Store& store);

// For `weave reset`: puts away the files that would be imported at the next launch, by a new name in their place
// (".reset" behind it). Returns the old names. Throws Error.
std::vector<std::string> put_away_weave_net(const std::string& db_prefix);

}  // namespace weave::migrate
