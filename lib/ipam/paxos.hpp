// The election of those who share out the range: basic single-value Paxos over gossip.
//
// There are no requests and answers. Every peer keeps a table of what each node has promised and accepted; the table is
// what is gossiped, and a peer that learns something new looks at the whole table again:
//
//   A proposes   A: promise 1.A           B hears it   A: promise 1.A           A hears that
//                                                      B: promise 1.A
//   quorum of promises: A accepts a value A: promise 1.A, accepted 1.A {A, B}   B hears it, accepts the same ...
//   quorum of acceptances of one origin: the value is agreed
//
// Source: Weave Net 2.8.1, ipam/paxos/paxos.go.
#pragma once
#include <map>
#include <optional>
#include <vector>

#include "address/mac.hpp"

namespace weave::ipam {

// One run of a peer's router: a restarted one is a new acceptor, unless it remembers what it has promised.
struct NodeId {
  PeerName name;
  uint64_t uid = 0;

  auto operator<=>(const NodeId&) const = default;
};

// A numbered proposal. Round 0 is none.
struct Ballot {
  uint64_t round = 0;
  NodeId proposer;

  auto operator<=>(const Ballot&) const = default;
};

struct Value {
  std::vector<PeerName> peers;  // in any order, perhaps with duplicates
  Ballot origin;                // the ballot under which it was first chosen

  bool operator==(const Value&) const = default;
};

// What a node has promised and accepted.
struct Claims {
  Ballot promise, accepted;
  Value value;  // accepted

  bool operator==(const Claims&) const = default;
};

using PaxosTable = std::map<NodeId, Claims>;

class Paxos {
 public:
  // `before`: what this node claimed before a restart.
  explicit Paxos(NodeId self, const std::optional<Claims>& before = {});

  // How many nodes make a majority; while it is 0 we vote but never see a consensus.
  void set_quorum(uint32_t quorum) { quorum_ = quorum; }
  uint32_t quorum() const { return quorum_; }

  // Asks all for a promise under a ballot higher than any known.
  void propose();
  // Takes in what others claim. True when something was new.
  bool update(const PaxosTable& received);
  // Draws our conclusions from the table. True when our own claims changed.
  bool think();
  // What was agreed: ascending, without duplicates.
  std::optional<std::vector<PeerName>> consensus() const;

  const NodeId& self() const { return self_; }
  const PaxosTable& table() const { return table_; }
  // Our own claims; nothing before the first.
  std::optional<Claims> own() const;

  // Beyond these, what is received is ignored: they can't come from honest peers, and would fill the memory or leave no
  // higher ballot.
  static constexpr size_t kMaxNodes = 4096;
  static constexpr size_t kMaxPeers = 4096;  // of a value
  static constexpr uint64_t kMaxRound = uint64_t{1} << 62;

 private:
  NodeId self_;
  uint32_t quorum_ = 0;
  PaxosTable table_;
};

}  // namespace weave::ipam
