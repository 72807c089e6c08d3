// Any text as a resolv.conf: name servers are single words, no more than lines, and written down they read the same.
#include <algorithm>
#include <cstdlib>

#include "dns/forward.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weave;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto servers = dns::parse_resolv_conf(text);
  if (servers.size() > static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) + 1) abort();
  std::string again;
  for (const auto& server : servers) {
    if (server.empty() || server.find_first_of(" \t\r\n") != std::string::npos) abort();
    again += "nameserver " + server + "\n";
  }
  if (dns::parse_resolv_conf(again) != servers) abort();
  return 0;
}
