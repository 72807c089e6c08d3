// What `weave launch` was asked for, as plain values.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "address/ipv4.hpp"
#include "base/error.hpp"

namespace weave::router {

inline constexpr const char* kDefaultRange = "10.32.0.0/12";

// The store's table of the router: peer name, short ID, settings of the launch, plugin, targets.
inline constexpr const char* kRouterTable = "router";

// Texts are as the user gave them; empty means what the comment says. check() makes sure that they can be parsed.

struct Options {
  // --- who we are and whom we know
  std::string name;      // peer name; empty: the bridge's, the machine's, or a stored random one
  std::string nickname;  // empty: the host's name
  std::string host;      // local IPv4 address for control and data; empty: all
  int port = 6783;       // 1..65534; the fast datapath has the next one
  std::vector<std::string> peers;
  bool resume = false;  // go on with the stored peers
  bool discovery = true;
  int connection_limit = 200;  // 0: none
  int min_protocol = 1;        // 1 or 2
  std::string password;        // empty: no encryption. A secret: it is passed through pipes only, and never stored
  std::string password_file;   // where the password was read from; empty: it was given otherwise
  bool encrypted = false;      // a password was given; stored, unlike the password itself
  std::vector<std::string> trusted_subnets;

  // --- addresses
  std::string range = kDefaultRange;  // empty: IPAM off
  bool range_given = false;           // by the user: an overlap with a route of the host is no error then
  std::string default_subnet;         // empty: the range
  std::string ipam_init;              // "consensus[=n]", "seed=name,...", "observer"

  // --- names
  bool dns = true;
  bool dns_optional = false;                // go on without DNS when its address is taken
  std::vector<std::string> dns_listen;      // "ip:port"; empty: port 53 of Docker's bridge
  std::string dns_domain = "weave.local.";  // with trailing dot after check()
  int dns_ttl = 1;                          // seconds
  bool dns_local_first = false;             // in answers, addresses of this host's containers come first
  int dns_timeout_ms = 5000;                // for a forwarded query
  std::string resolv_conf = "/etc/resolv.conf";

  // --- host
  std::string bridge = "weave";
  std::string docker_bridge = "docker0";
  int mtu = 0;                      // 0: what the bridge has, or from the underlay
  std::string datapath = "direct";  // how frames reach other hosts: direct, bridge, or none: by sleeve only
  bool masquerade_local = true;     // false: --no-masq-local

  // --- doors and services
  std::string http_addr = "127.0.0.1:6784";    // empty: none besides the socket
  std::string status_addr = "127.0.0.1:6782";  // empty: none
  std::string metrics_addr;                    // empty: none
  std::string docker_api;                      // empty: DOCKER_HOST, else the usual socket
  bool docker = true;                          // false: --docker-api ''
  bool plugin = true;
  std::string plugin_socket = "/run/docker/plugins/weave.sock";
  std::string plugin_mesh_socket = "/run/docker/plugins/weavemesh.sock";

  std::string state_dir = "/var/lib/weave";
  std::string db_prefix;  // of Weave Net's state file, to be taken over by a first launch; empty: the usual places
  std::string log_level = "info";
  bool restart = true;  // a router that crashed is started again
  bool foreground = false;

  // Identifies this launch; the same over crashes. 64 hex digits, made by launch().
  std::string service_id;

  bool operator==(const Options&) const = default;
};

// Throws Error (what is wrong, with a hint) when a value can't be understood or two exclude each other; returns the
// options with canonical spellings. Looks at nothing but the values.
Options check(Options options);

// Both ways for the pipe to the router and the store; the password is only in it when `secrets` is set. Throws Error.
std::string to_json(const Options& options, bool secrets);
Options options_from_json(std::string_view text);

// The parsed forms, after check().
std::optional<Cidr> range_of(const Options& options);           // nothing: IPAM is off
std::optional<Cidr> default_subnet_of(const Options& options);  // nothing: IPAM is off

}  // namespace weave::router
