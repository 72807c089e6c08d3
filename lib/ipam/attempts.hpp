// One attempt at a request: the answer, or what has to happen first.
#pragma once
#include "ipam/core.hpp"

namespace weave::ipam {

class Attempts {
 public:
  // `establish` starts the first division of the range, if there was none.
  Attempts(Core& core, std::function<void()> establish) : core_(core), establish_(std::move(establish)) {}

  // Throws what `save` throws; then nothing has changed.
  AttemptResult attempt(Request& request);
  // "address <a> is owned by other peer <name> (<nickname>)"
  std::string owned_by_other(Cidr cidr, PeerName owner) const;

 private:
  AttemptResult allocate(Request& request);
  AttemptResult claim(Request& request);
  AttemptResult claim_of_other_peer(Request& request, PeerName owner);
  Answer<Cidr> claim_in_range(const Request& request);
  Answer<Cidr> claim_outside(const Request& request);
  // The ident has the address already; from now on perhaps as a container.
  void use_again(const std::string& ident, Allocation held, bool container);
  // The request waits; a lenient claim is answered nevertheless.
  AttemptResult wait(Request& request, Refusal reason);

  Core& core_;
  std::function<void()> establish_;
};

}  // namespace weave::ipam
