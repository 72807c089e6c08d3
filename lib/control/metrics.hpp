// Prometheus metrics (text format 0.0.4), from the same snapshot as the report.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "control/report.hpp"

namespace weave::control {

// What the report doesn't hold.
struct Counters {
  struct Traffic {
    uint64_t packets = 0;
    std::optional<uint64_t> bytes;  // nothing: they aren't counted
  };
  std::optional<uint64_t> flows;                                    // fast path's flow table, when it is on
  std::map<std::string, bool> services_up;                          // service -> runs
  std::map<std::string, uint64_t> service_restarts;                 // service -> times restarted by supervision
  std::map<std::string, uint64_t> dns_queries;                      // result -> queries
  std::map<std::pair<std::string, std::string>, uint64_t> gossip;   // channel, direction (in, out) -> messages
  std::map<std::pair<std::string, std::string>, Traffic> overlays;  // overlay, direction (in, out, relayed)
  std::map<std::pair<std::string, std::string>, uint64_t> drops;    // overlay, reason -> frames or packets
};

// Weave Net's series and ours, sorted by name. Every overlay in use (and "unknown", for targets) has all five states.
std::string metrics(const Report& report, const Counters& counters);

// process_* of this process, read from /proc; what can't be read is left out.
std::string process_metrics();

}  // namespace weave::control
