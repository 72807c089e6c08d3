#include "ipam/election.hpp"

namespace weave::ipam {

Election::Election(NodeId self, bool observer, Ledger& ledger) : ledger_(ledger) {
  if (!observer) paxos_.emplace(self);
}

void Election::restore(const std::pair<NodeId, Claims>& vote) {
  if (!paxos_) return;
  paxos_.emplace(vote.first, vote.second);
  ledger_.stored.election = true;
}

uint32_t Election::set_expected(uint32_t nodes) {
  if (!paxos_) return 0;
  paxos_->set_quorum(nodes / 2 + 1);
  return paxos_->quorum();
}

void Election::propose() {
  if (!paxos_) return;
  auto before = paxos_->own();
  paxos_->propose();
  save_vote(before);
}

bool Election::take(const PaxosTable& table) {
  if (!paxos_) return false;
  auto before = paxos_->own();
  if (!paxos_->update(table) || !paxos_->think()) return false;
  save_vote(before);
  return true;
}

// When the vote can't be saved it wasn't cast: the state before is restored.
void Election::save_vote(const std::optional<Claims>& before) {
  if (paxos_->quorum() == 1) return;  // no other node will count it
  try {
    auto change = election_change(std::pair(paxos_->self(), *paxos_->own()));
    ledger_.save(std::span(&change, 1));
    ledger_.stored.election = true;
  } catch (...) {
    Paxos paxos(paxos_->self(), before);
    paxos.set_quorum(paxos_->quorum());
    auto table = paxos_->table();
    table.erase(paxos.self());
    paxos.update(table);
    *paxos_ = std::move(paxos);
    throw;
  }
}

}  // namespace weave::ipam
