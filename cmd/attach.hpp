#pragma once
#include "addresses.hpp"

namespace weave::cmd {

struct AttachOptions {
  bool without_dns = false, rewrite_hosts = false, no_multicast_route = false;
  Words add_hosts;
  int timeout = 0;  // seconds; 0 = none
};

// Attaches through the router, as `weave attach` does, and returns the addresses in the order asked for. Throws Error.
std::vector<Cidr> attach_container(const std::string& container, const std::vector<AddressWord>& addresses,
                                   const AttachOptions& options);

// The addresses that a container has on the bridge, in the kernel's order; none for one that isn't attached. Throws
// AnswerError for one that doesn't exist or doesn't run.
std::vector<Cidr> attached_addresses(const std::string& container);

}  // namespace weave::cmd
