// What the allocator is given: its settings, and its functions to reach other peers.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "address/ipv4.hpp"
#include "address/mac.hpp"
#include "base/bytes.hpp"
#include "base/error.hpp"

namespace weave::ipam {

struct Config {
  PeerName self;
  std::string nickname;
  Cidr range;                  // what all peers share; the same on each of them
  Cidr default_subnet;         // for requests that name no subnet; must overlap the range
  std::vector<PeerName> seed;  // peers of the first division, if there is to be no election
  bool observer = false;       // waits for the first division without a vote
  uint32_t expected = 0;       // number of voters; 0: this peer and as many as the user named (Links::targets)
  uint64_t uid = 0;            // random, of this run of the router: the acceptor in the election
  // Uniform over 64 bits: spreads requests over donors, and avoids equal versions. Without it the choice is fixed.
  std::function<uint64_t()> random;
};

// How the allocator reaches other peers. A function that isn't set stands for a peer that is alone. None may call back.
struct Links {
  // Sends a message of the channel (wire.hpp) to one peer. Refused when there is no route to it.
  std::function<Result<void>(PeerName to, Bytes message)> unicast;
  // Sends the state to all peers; Allocator::state() is called for the bytes when they are sent.
  std::function<void()> broadcast;
  // Whether the mesh has a route to the peer.
  std::function<bool(PeerName)> reachable;
  // How many other peers the user named: an estimate of the cluster's size.
  std::function<size_t()> targets;
  // Unix time in seconds.
  std::function<int64_t()> unix_time;
};

}  // namespace weave::ipam
