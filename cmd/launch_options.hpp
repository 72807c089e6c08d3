// The options of `weave launch` and `launch-router`, and what becomes of them.
#pragma once
#include "command.hpp"
#include "router/options.hpp"

namespace weave::cmd {

// The words as given. What wasn't given is looked for in the environment, and has a default in router::Options.
struct LaunchGiven {
  std::optional<std::string> password, password_file, name, nickname, host, range, default_subnet, ipam_init,
      init_peer_count, dns_domain, dns_timeout, resolv_conf, bridge, docker_bridge, http_addr, status_addr,
      metrics_addr, docker_api, plugin_socket, plugin_mesh_socket, state_dir, log_level, db_prefix, datapath;
  std::optional<int> port, connection_limit, min_protocol, dns_ttl, mtu;
  std::optional<bool> plugin;
  Words trusted_subnets, dns_listen;
  bool proxy = false, resume = false, no_discovery = false, no_dns = false, dns_optional = false,
       dns_local_first = false, no_fastdp = false, no_masq_local = false, no_restart = false, foreground = false,
       packet_debug = false, quiet = false, print_peer_name = false, version = false;
};

// Adds the options, old spellings and refusals to a command; `given` must outlive it.
void declare_launch_options(Command& command, LaunchGiven& given);

// Options over environment over `base` (the defaults, or the settings of the last launch); checked. Warnings go to
// `warnings`. Throws UsageError for contradictions, Error for values that cannot be parsed.
router::Options launch_options(const LaunchGiven& given, const Words& peers, Words& warnings,
                               router::Options base = {});

}  // namespace weave::cmd
