// The settings of a launch: what `weave launch` was asked for, as typed values. table.hpp says how each is given on the
// command line and in the environment, and how it is stored.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "address/ipv4.hpp"
#include "address/mac.hpp"
#include "address/service.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "ipam/parse.hpp"

namespace weave::settings {

// How frames reach other hosts.
enum class DatapathMode {
  kDirect,  // by the fast datapath, between a container and the underlay
  kBridge,  // by the fast datapath, across the bridge, where firewall rules apply
  kNone,    // by sleeve only
};

inline constexpr uint16_t kControlPort = 6784;

// The defaults are those of a plain `weave launch`.
struct Settings {
  // --- this peer, and the peers it connects to
  std::optional<PeerName> name;    // nothing: from the bridge, the machine, or a stored random one
  std::string nickname;            // empty: the host's name
  std::optional<Ipv4> host;        // local address for control and data; nothing: all
  uint16_t port = 6783;            // 1..65534; the fast datapath has the next one
  std::vector<std::string> peers;  // host[:port]; as the user wrote them, which is how `weave status targets` has them
  bool resume = false;             // use the stored peers
  bool discovery = true;
  int connection_limit = 200;           // 0: none
  int min_protocol = 1;                 // 1 or 2
  Secret password;                      // empty: no encryption. It is passed through pipes only, and never stored
  std::string password_file;            // where the password was read from; empty: it was given otherwise
  bool any_password_file_mode = false;  // its file may be readable by other users
  bool encrypted = false;               // a password was given; stored, unlike the password itself
  std::vector<Cidr> trusted_subnets;
  int64_t rekey_after = int64_t{1} << 32;  // packets from a peer by ESP, after which it gets a new key; at least 1

  // --- addresses
  std::optional<Cidr> range = Cidr{{0x0a200000}, 12};  // 10.32.0.0/12; nothing: IPAM is off
  bool range_given = false;             // by the user: an overlap with a route of the host is no error then
  std::optional<Cidr> default_subnet;   // nothing: the range
  std::optional<ipam::Init> ipam_init;  // nothing: by election

  // --- names
  bool dns = true;
  bool dns_optional = false;                // start without DNS when its address is in use
  std::vector<SocketAddress> dns_listen;    // empty: port 53 of Docker's bridge
  std::string dns_domain = "weave.local.";  // lower case, with trailing dot
  std::chrono::seconds dns_ttl{1};
  bool dns_local_first = false;                 // in responses, addresses of this host's containers come first
  std::chrono::milliseconds dns_timeout{5000};  // for a forwarded query
  std::string resolv_conf = "/etc/resolv.conf";

  // --- host
  std::string bridge = "weave";
  std::string docker_bridge = "docker0";
  uint32_t mtu = 0;  // bytes; 0: what the bridge has, or from the underlay
  DatapathMode datapath = DatapathMode::kDirect;
  bool masquerade_local = true;  // false: --no-masq-local

  // --- services
  std::optional<ServiceAddress> http_addr = ServiceAddress{.path = {}, .host = "127.0.0.1", .port = kControlPort};
  std::optional<ServiceAddress> status_addr = ServiceAddress{.path = {}, .host = "127.0.0.1", .port = 6782};
  std::optional<ServiceAddress> metrics_addr;
  ServiceAddress docker_api{.path = "/var/run/docker.sock", .host = {}};
  bool docker = true;  // false: --docker-api ''
  bool plugin = true;
  std::string plugin_socket = "/run/docker/plugins/weave.sock";           // empty: none
  std::string plugin_mesh_socket = "/run/docker/plugins/weavemesh.sock";  // empty: none

  std::string state_dir = "/var/lib/weave";
  std::string db_prefix;  // of Weave Net's state file, which a first launch imports; empty: the usual places
  log::Level log_level = log::Level::kInfo;
  bool restart = true;  // a router that crashed is started again
  bool foreground = false;

  // Identifies this launch; the same over crashes. 64 hex digits, made by router::launch().
  std::string service_id;

  // The subnet of requests that name none; nothing: IPAM is off.
  std::optional<Cidr> subnet() const { return range && default_subnet ? default_subnet : range; }
};

// Throws Error when two settings exclude each other.
void check(const Settings& settings);

// For the pipe to the router and for the store; with the password only when `secrets` is set.
std::string to_json(const Settings& settings, bool secrets);
// What is missing has its default, what is unknown is skipped. Throws Error.
Settings from_json(std::string_view text);

}  // namespace weave::settings
