// The election of the first division of the range, as one peer takes part in it: its vote is stored before others see
// it, so that a restarted router keeps what it promised.
#pragma once
#include <optional>

#include "ipam/ledger.hpp"
#include "ipam/paxos.hpp"

namespace weave::ipam {

class Election {
 public:
  // An observer doesn't vote.
  Election(NodeId self, bool observer, Ledger& ledger);

  // Continues with the vote of an earlier run of the router, as the acceptor that it was.
  void restore(const std::pair<NodeId, Claims>& vote);
  // From now on an observer: this peer's ring was given up, a division of its own would create another.
  void abstain() { paxos_.reset(); }
  bool votes() const { return paxos_.has_value(); }
  // How many nodes vote; ignored for an observer. Returns the quorum.
  uint32_t set_expected(uint32_t nodes);

  // Whether a ring is awaited; set by the first request that needs one.
  bool awaited() const { return awaited_; }
  void set_awaited(bool awaited) { awaited_ = awaited; }

  // Proposes this peer's view. Throws what `save` throws; then nothing was proposed.
  void propose();
  // Takes in what other nodes voted. True when this peer's vote changed, and so has to be sent. Throws as propose().
  bool take(const PaxosTable& table);
  // The peers that were agreed upon, if any.
  std::optional<Seeds> agreed() const { return paxos_ ? paxos_->consensus() : std::nullopt; }

  // What all nodes voted; nothing for an observer.
  const PaxosTable* table() const { return paxos_ ? &paxos_->table() : nullptr; }
  uint32_t quorum() const { return paxos_ ? paxos_->quorum() : 0; }

 private:
  void save_vote(const std::optional<Claims>& before);

  Ledger& ledger_;
  std::optional<Paxos> paxos_;  // nothing: an observer
  bool awaited_ = false;
};

}  // namespace weave::ipam
