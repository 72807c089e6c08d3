// What IPAM tells about itself.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "address/ipv4.hpp"
#include "address/mac.hpp"

namespace weave::ipam {

struct Report {
  struct Share {
    Ipv4 token;
    uint32_t size = 0;  // addresses, free or not
    PeerName peer;
    std::string nickname;  // empty when unknown
    bool known = false;    // the peer can be reached; so can we
    uint32_t version = 0;
  };
  struct Election {
    bool elector = false;  // else an observer, with zeros
    size_t known = 0;      // nodes, with ourselves
    uint32_t quorum = 0;
  };
  struct Stranded {  // an address that is in use here though the ring says it is another peer's
    Ipv4 address;
    std::string ident;
    PeerName owner;
    std::string nickname;  // of the owner; empty when unknown
    bool denied = false;   // the owner was asked and refused: it may have given the address to another container
  };
  // As Weave Net says it: "idle", "awaiting consensus (quorum: 2, known: 1)", "priming", "ready", "waiting for IP(s) to
  // become available", or "all IP ranges owned by unreachable peers - ..."
  std::string status;
  Cidr range, default_subnet;
  uint32_t range_num_ips = 0;
  uint32_t active_ips = 0;                                   // in use, of those that are ours
  std::vector<Share> entries;                                // by token; an entry that wraps round gives two
  std::optional<Election> election;                          // while a ring is awaited
  std::vector<std::pair<std::string, Cidr>> pending_claims;  // by ident
  std::vector<std::string> pending_allocates;                // "<ident> <subnet>"
  std::vector<Stranded> stranded;                            // the first few
  // What is wrong and what to do about it, a sentence each.
  std::vector<std::string> problems;
};

// Something in which our ring and the others' don't fit.
struct Finding {
  std::string what;    // with the peer that it is about, by name and nickname
  std::string advice;  // what to do about it, and with which command

  std::string text() const { return what + ": " + advice; }
};

// What asking back has come to.
struct AskedBack {
  size_t stranded = 0;   // addresses in use here that the ring gives to other peers
  size_t asked = 0;      // of them: asked for now; the rest can't be, or has its turn with the next ticks
  bool waiting = false;  // there is no ring: ours was given up, and no other has come yet
};

}  // namespace weave::ipam
