// The parts that the allocator's operations share. Attempts (requests), Exchange (other peers) and the diagnosis each
// work on this; Allocator owns it.
#pragma once
#include "ipam/config.hpp"
#include "ipam/election.hpp"
#include "ipam/ledger.hpp"
#include "ipam/nicknames.hpp"
#include "ipam/requests.hpp"
#include "ipam/space_requests.hpp"
#include "ipam/troubles.hpp"

namespace weave::ipam {

struct Core {
  using Time = std::chrono::steady_clock::time_point;

  Core(Config settings, Save save, Links functions);

  bool reachable(PeerName peer) const { return links.reachable && links.reachable(peer); }
  Result<void> send(PeerName to, Tag tag, ByteView content) const;
  void broadcast() const;
  // Logs what went wrong, and keeps it for status.
  void trouble(std::string text);

  Config config;
  Links links;
  Ledger ledger;
  Election election;
  Nicknames nicknames;
  SpaceRequests space_requests;
  RequestQueue requests;
  Troubles troubles;
  Time now{};            // of the last tick
  bool leaving = false;  // this peer gives all of its ranges away
};

// As people read it: the last address included.
std::string range_text(Ipv4Range range);

}  // namespace weave::ipam
