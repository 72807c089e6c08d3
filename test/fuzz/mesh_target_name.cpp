// Any text as a router's name and as an endpoint that gossip carries: what is accepted is a host and a port that can be
// written and read again.
#include <cstdlib>

#include "mesh/endpoint.hpp"

using namespace weave;
using namespace weave::mesh;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto name = TargetName::parse(text)) {
    if (name->host.empty() || name->host.size() > 253) abort();
    if (name->host.find_first_of(std::string_view("[] \t\n/\0", 7)) != std::string::npos) abort();
    if (name->port == 0) abort();
    bool v6 = name->host.find(':') != std::string::npos;
    if (v6 && !Ip::parse(name->host)) abort();
    auto written = v6 ? "[" + name->host + "]" : name->host;
    if (name->port) written += ":" + std::to_string(*name->port);
    auto again = TargetName::parse(written);
    if (!again || again->host != name->host || again->port != name->port) abort();
  }
  if (auto endpoint = Endpoint::parse(text)) {
    if (endpoint->port == 0) abort();
    if (Endpoint::parse(endpoint->str()) != endpoint) abort();
    // Users may name every endpoint.
    auto name = TargetName::parse(endpoint->str());
    if (!name || name->host != endpoint->ip.str() || name->port != endpoint->port) abort();
  }
  return 0;
}
