// What we ask of ARP: announcements, and short memories.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "address/ipv4.hpp"

namespace weave::host {

// Announces that `address` is at this interface of the calling thread's namespace: one broadcast request for itself,
// target MAC all ones. Throws Error (the interface must be up).
void announce_address(const std::string& interface, Ipv4 address);

// Settings (path under net/, value) that make the interface notice within seconds that another MAC has taken over an
// address. The kernel may lack some.
std::vector<std::pair<std::string, std::string>> arp_cache_sysctls(const std::string& interface);

}  // namespace weave::host
