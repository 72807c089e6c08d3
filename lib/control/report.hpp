// The report: everything the router says about itself, as plain values. The status texts, the metrics and the JSON are
// functions of it, so one snapshot answers a request. Keys and types follow Weave Net's GET /report.
#pragma once
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "address/ipv4.hpp"
#include "address/mac.hpp"
#include "base/error.hpp"

namespace weave::control {

using WallTime = std::chrono::system_clock::time_point;

// A time as the report writes it: RFC 3339 in UTC with nanoseconds, trailing zeros dropped.
std::string rfc3339(WallTime time);
// Reads any RFC 3339 time of the years 1678 to 2261.
Result<WallTime> parse_rfc3339(std::string_view text);

struct VersionCheck {
  bool enabled = false;
  bool success = false;
  std::string new_version;
  std::string next_check_at = "0001-01-01T00:00:00Z";
};

// One connection as the peer that holds it announces it.
struct PeerConnection {
  PeerName name;
  std::string nickname;
  std::string address;  // "ip:port", as that peer sees it
  bool outbound = false;
  bool established = false;
};

struct Peer {
  PeerName name;
  std::string nickname;
  uint64_t uid = 0;  // may exceed 2^53
  int short_id = 0;
  uint64_t version = 0;
  std::vector<PeerConnection> connections;
};

struct UnicastRoute {
  PeerName dest, via;  // via 0 for this peer
};

struct BroadcastRoute {
  PeerName source;
  std::vector<PeerName> via;
};

using Attribute = std::variant<bool, int64_t, std::string>;

// A connection of this router, or a target that has none.
struct Connection {
  std::string address;
  bool outbound = false;
  std::string state;                       // established, pending, retrying, failed, connecting
  std::string info;                        // for people: see connected_info and target_info in text.hpp
  std::map<std::string, Attribute> attrs;  // name, mtu, encrypted (only if true)
  std::optional<WallTime> since;           // when the state began
  std::string reason;                      // why it isn't on the fast path
  std::string last_error;
  std::optional<WallTime> retry_at;
};

struct MacEntry {
  Mac mac;
  PeerName name;
  std::string nickname;
  WallTime last_seen{};
};

// Something that another program removed from this host and the router has restored.
struct Restored {
  std::string item;
  int times = 0;  // since the router's start
  WallTime last;
};

struct Router {
  std::string protocol = "weave";
  int protocol_min = 1, protocol_max = 2;
  bool encryption = false, peer_discovery = true;
  PeerName name;
  std::string nickname;
  int port = 6783;
  std::vector<Peer> peers;  // this one included
  std::vector<UnicastRoute> unicast_routes;
  std::vector<BroadcastRoute> broadcast_routes;
  std::vector<Connection> connections;
  uint64_t termination_count = 0;
  std::vector<std::string> targets;
  std::map<std::string, nlohmann::ordered_json> overlay_diagnostics;  // by overlay
  std::vector<std::string> trusted_subnets;
  std::string interface;
  std::string datapath;  // how frames reach other hosts, with a reason when it isn't the best way
  std::optional<std::map<std::string, int64_t>> capture_stats;
  std::vector<MacEntry> macs;
  std::string service_id;
  std::vector<Restored> restored;     // in the last hour, the newest first
  std::vector<std::string> problems;  // of this host's network, as sentences with what to do
};

struct Paxos {
  bool elector = false;
  int known_nodes = 0, quorum = 0;
};

struct RingEntry {
  Ipv4 token;         // first address
  uint32_t size = 0;  // addresses
  PeerName peer;
  std::string nickname;
  bool known_peer = true;
  uint32_t version = 0;
};

struct PendingClaim {
  std::string ident;
  Cidr cidr;
};

struct Ipam {
  std::optional<Paxos> paxos;  // while awaiting consensus
  Cidr range;
  uint64_t range_size = 0;
  std::optional<uint64_t> active_ips;  // absent in reports of Weave Net 1.x only
  Cidr default_subnet;
  std::vector<RingEntry> entries;
  std::vector<PendingClaim> pending_claims;
  std::vector<std::string> pending_allocates;  // "<id> <subnet>"
  std::vector<std::string> problems;           // what is wrong and what to do about it, a sentence each
};

struct DnsEntry {
  std::string hostname;  // full, with the final dot
  PeerName origin;
  std::string container_id;
  Ipv4 address;
  int version = 0;
  int64_t tombstone = 0;  // Unix seconds, 0 = alive
};

struct Dns {
  std::string domain;  // "weave.local."
  std::vector<std::string> upstream;
  std::string address;  // "172.17.0.1:53"
  int ttl = 1;
  std::vector<DnsEntry> entries;
  std::string state;  // "running" or empty; else what is wrong: "restarting (exit 139, 3 s ago)"
};

struct Proxy {
  std::vector<std::string> addresses;
};

struct Plugin {
  std::string socket, mesh_socket;
  bool enable = true;
  bool dns = true;
  std::string default_subnet;
  std::string driver_name, mesh_driver_name;
  std::string service_id;
  std::string state;  // "running" or empty; else what is wrong: "restarting (exit 139, 3 s ago)"
  std::optional<WallTime> since;
};

struct Report {
  bool ready = false;
  std::string version;
  VersionCheck version_check;
  Router router;
  std::optional<Ipam> ipam;
  std::optional<Dns> dns;
  std::optional<Proxy> proxy;
  std::optional<Plugin> plugin;
};

// The parts of a report that have to be collected. Readiness, version, name and settings of the router are always
// there.
struct ReportParts {
  bool mesh = false;      // peers, routes, connections, targets, and which data path is in use
  bool datapath = false;  // counters and MACs: read from the kernel's maps, and costly
  bool ipam = false;
  bool names = false;
  bool plugin = false;

  static constexpr ReportParts all() { return {true, true, true, true, true}; }
};

// Keys in Weave Net's order, then ours; four blanks of indent, no newline at the end, empty lists as [], parts that are
// off left out. <, > and & are written as \u003c and so on.
std::string to_json(const Report& report);

// Reads what to_json and Weave Net (1.7.2 on) write; unknown keys are ignored. Throws Error when it isn't a report.
Report from_json(std::string_view text);

}  // namespace weave::control
