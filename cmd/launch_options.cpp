#include "launch_options.hpp"

#include <filesystem>

#include "address/ipv4.hpp"
#include "base/fd.hpp"
#include "output.hpp"
#include "router_client.hpp"
#include "text.hpp"

namespace weave::cmd {
namespace {

constexpr const char* kNoProxy = "weave has no Docker API proxy";

// "5s", "500ms", "1m", or seconds.
int milliseconds(const std::string& text) {
  auto unit_at = std::min(text.find_first_not_of("0123456789"), text.size());
  auto value = parse_number(text.substr(0, unit_at));
  auto unit = text.substr(unit_at);
  int factor = unit == "ms" ? 1 : unit == "s" || unit.empty() ? 1000 : unit == "m" ? 60'000 : 0;
  if (!value || factor == 0 || *value > 3'600'000 / factor)
    throw UsageError(fmt::format("--dns-fallback-timeout: '{}' is not a time such as 5s or 500ms.", text));
  return *value * factor;
}

int number(const char* name, const std::string& text) {
  auto value = parse_number(text);
  if (!value) throw UsageError(fmt::format("{}: '{}' is not a number.", name, text));
  return *value;
}

Words comma_separated(const Words& values) {
  Words parts;
  for (const auto& value : values)
    for (auto& part : split(value, ','))
      if (!part.empty()) parts.push_back(std::move(part));
  return parts;
}

std::string read_password(const std::string& file) {
  auto text = read_file(file);
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  if (text.empty()) throw Error(fmt::format("--password-file: {} is empty", file));
  return text;
}

// The password given, or that of the stored launch: of this only the path of the file is known.
void take_password(router::Options& options, const LaunchGiven& given) {
  if (given.password && given.password_file)
    throw UsageError("--password and --password-file cannot be given together.");
  auto variable = non_empty_environment("WEAVE_PASSWORD");
  if (given.password || (variable && !given.password_file)) {
    options.password = given.password ? *given.password : *variable;
    options.password_file.clear();
    return;
  }
  if (given.password_file) options.password_file = std::filesystem::absolute(*given.password_file);
  if (!options.password_file.empty()) {
    options.password = read_password(options.password_file);
  } else if (options.encrypted) {
    throw Error("the last launch had a password, which is not stored",
                "give it again with --password-file or WEAVE_PASSWORD");
  }
}

template <class T, class U>
void take(T& to, const std::optional<U>& given) {
  if (given) to = *given;
}

template <class T>
void take(T& to, const std::optional<T>& given, const char* variable) {
  take(to, given ? given : non_empty_environment(variable));
}

void take_number(int& to, const std::optional<int>& given, const char* variable) {
  if (given)
    to = *given;
  else if (auto text = non_empty_environment(variable))
    to = number(variable, *text);
}

void warn_of_environment(Words& warnings) {
  for (auto name : {"WEAVE_DOCKER_ARGS", "WEAVEPROXY_DOCKER_ARGS", "WEAVEPLUGIN_DOCKER_ARGS", "WEAVEEXEC_DOCKER_ARGS"})
    if (non_empty_environment(name))
      warnings.push_back(fmt::format("Warning: {} is ignored: weave does not run in a container", name));
}

}  // namespace

void declare_launch_options(Command& command, LaunchGiven& given) {
  auto hidden = Show::kHidden;
  command.options = {
      {"--password", "<text>",
       "encrypt traffic and accept only peers with the same password (prefer WEAVE_PASSWORD or --password-file)",
       &given.password},
      {"--password-file", "<file>", "read the password from a file", &given.password_file},
      {"--trusted-subnets", "<cidr>,...", "don't encrypt to peers in these subnets that also trust ours",
       &given.trusted_subnets},
      {"--host", "<ip>", "local address for peers to connect to (default: all)", &given.host},
      {"--port", "<n>", "TCP and UDP port; the fast datapath uses the next one (default 6783)", &given.port},
      {"--name", "<mac>", "name of this peer (default: from the bridge or the machine id)", &given.name},
      {"--nickname", "<text>", "nickname of this peer (default: the host name)", &given.nickname},
      {"--resume", "", "use the settings and peers of the last launch; other options override", &given.resume},
      {"--no-discovery", "", "connect only to the named peers, not to peers that they report", &given.no_discovery},
      {"--conn-limit", "<n>", "maximum number of connections to peers; 0: no limit (default 200)",
       &given.connection_limit},
      {"--min-protocol-version", "<n>", "refuse peers with an older protocol: 1 or 2 (default 1)", &given.min_protocol},
      {"--ipalloc-range", "<cidr>", "address range that all peers share; empty: no IPAM (default 10.32.0.0/12)",
       &given.range},
      {"--ipalloc-default-subnet", "<cidr>", "subnet that net:default stands for (default: the range)",
       &given.default_subnet},
      {"--ipalloc-init", "<mode>", "consensus[=<peers>], seed=<peer>,... or observer", &given.ipam_init},
      {"--no-dns", "", "don't run a DNS server", &given.no_dns},
      {"--dns-optional", "", "start without DNS if its address is in use", &given.dns_optional},
      {"--dns-listen-address", "<ip>:<port>", "may be repeated (default: port 53 of Docker's bridge)",
       &given.dns_listen},
      {"--dns-domain", "<domain>", "domain of container names (default weave.local.)", &given.dns_domain},
      {"--dns-ttl", "<s>", "time to live of DNS responses in seconds (default 1)", &given.dns_ttl},
      {"--dns-local-first", "", "return addresses of local containers first", &given.dns_local_first},
      {"--dns-fallback-timeout", "<time>", "time limit for forwarded queries (default 5s)", &given.dns_timeout},
      {"--resolv-conf", "<file>", "name servers for other domains (default /etc/resolv.conf)", &given.resolv_conf},
      {"--plugin", "", "run the plugin for Docker networks (default true)", &given.plugin},
      {"--plugin-socket", "<path>", "default /run/docker/plugins/weave.sock; empty: none", &given.plugin_socket},
      {"--plugin-mesh-socket", "<path>", "default /run/docker/plugins/weavemesh.sock; empty: none",
       &given.plugin_mesh_socket},
      {"--docker-api", "<endpoint>", "endpoint of the Docker Engine API (default: DOCKER_HOST); empty: no Docker",
       &given.docker_api},
      {"--mtu", "<n>", "MTU of the bridge and of containers (default: from the underlay)", &given.mtu},
      {"--datapath", "<mode>", "direct; bridge: all frames cross the bridge; none: sleeve only (default direct)",
       &given.datapath},
      {"--no-fastdp", "", "the same as --datapath=none", &given.no_fastdp},
      {"--no-masq-local", "", "don't masquerade traffic to this host's own address ranges", &given.no_masq_local},
      {"--weave-bridge", "<name>", "name of the bridge (default weave)", &given.bridge},
      {"--docker-bridge", "<name>", "name of Docker's bridge (default docker0)", &given.docker_bridge},
      {"--http-addr", "<ip>:<port>", "control API for scripts; empty: none (default 127.0.0.1:6784)", &given.http_addr},
      {"--status-addr", "<ip>:<port>", "status and metrics only; empty: none (default 127.0.0.1:6782)",
       &given.status_addr},
      {"--metrics-addr", "<ip>:<port>", "metrics only (default: none)", &given.metrics_addr},
      {"--state-dir", "<directory>", "directory for persistent state (default /var/lib/weave)", &given.state_dir},
      {"--db-prefix", "<path>",
       "path prefix of Weave Net's state, which a first launch imports (default: its usual places)", &given.db_prefix},
      {"--log-level", "<level>", "debug, info, warning or error (default info)", &given.log_level},
      {"--no-restart", "", "don't restart the router after a crash", &given.no_restart},
      {"--foreground", "", "stay in the foreground, log to stderr", &given.foreground},
      {"-q,--quiet", "", "don't print the service id", &given.quiet},
      {"--print-peer-name", "", "print the name of this peer and exit", &given.print_peer_name},
      // What other launch scripts pass and what means nothing here, or something that has another command.
      {"--version", "", "", &given.version, hidden},
      {"--init-peer-count", "<n>", "", &given.init_peer_count, hidden},
      {"--proxy", "", "", &given.proxy, hidden},
      {"--pkt-debug", "", "", &given.packet_debug, hidden},
      {"--dns-effective-listen-address", "<ip>", "", {}, hidden},
      {"--bufsz", "<n>", "", {}, hidden},
      {"--no-bridged-fastdp", "", "", {}, hidden},
      {"--no-multicast-route", "", "", {}, hidden},
      {"--no-detect-tls", "", "", {}, hidden},
      {"--expect-npc", "", "", {}, hidden},
  };
  command.renamed = {
      {"-iprange", "--ipalloc-range"},
      {"--iprange", "--ipalloc-range"},
      {"-ipsubnet", "--ipalloc-default-subnet"},
      {"--ipsubnet", "--ipalloc-default-subnet"},
      {"-nodiscovery", "--no-discovery"},
      {"--nodiscovery", "--no-discovery"},
      {"-initpeercount", "--init-peer-count"},
      {"--initpeercount", "--init-peer-count"},
      {"-connlimit", "--conn-limit"},
      {"--connlimit", "--conn-limit"},
  };
  auto& foreign = command.foreign;
  foreign["--awsvpc"] = "--awsvpc: routes in an AWS VPC are not supported.";
  foreign["--profile"] = "--profile: there is no built-in profiler; use perf.";
  foreign["--iface"] = "--iface: the router finds its interface itself; --weave-bridge names the bridge.";
  for (auto name : {"--token", "--peer-discovery-url", "--advertise-address"})
    foreign[name] = fmt::format("{}: Weave Cloud no longer exists; name the peers instead.", name);
  for (auto name : {"--plugin-v2", "--plugin-v2-multicast"})
    foreign[name] = fmt::format("{}: not supported: weave starts its plugin itself.", name);
  for (auto name : {"--host-root", "--proc-path"})
    foreign[name] = fmt::format("{}: not supported: weave does not run in a container.", name);
  for (auto name : {"-H", "--without-dns", "--no-rewrite-hosts", "--no-default-ipalloc", "--hostname-from-label",
                    "--hostname-match", "--hostname-replacement", "--rewrite-inspect", "--tls", "--tlsverify",
                    "--tlscacert", "--tlscert", "--tlskey"})
    foreign[name] = fmt::format("{}: {}, so this option has no effect.", name, kNoProxy);
}

router::Options launch_options(const LaunchGiven& given, const Words& peers, Words& warnings, router::Options options) {
  if (given.proxy) throw UsageError(fmt::format("--proxy: {}; leave the option out.", kNoProxy));
  take(options.db_prefix, given.db_prefix);
  warn_of_environment(warnings);

  take_password(options, given);
  if (!given.trusted_subnets.empty()) options.trusted_subnets = comma_separated(given.trusted_subnets);
  take(options.host, given.host);
  take_number(options.port, given.port, "WEAVE_PORT");
  take(options.name, given.name);
  take(options.nickname, given.nickname);
  options.resume = given.resume;
  if (given.no_discovery) options.discovery = false;
  take(options.connection_limit, given.connection_limit);
  take(options.min_protocol, given.min_protocol);

  if (given.range) options.range_given = true;
  take(options.range, given.range);
  take(options.default_subnet, given.default_subnet);
  take(options.ipam_init, given.ipam_init);
  if (given.init_peer_count) {
    warnings.push_back("Warning: --init-peer-count is deprecated; please use --ipalloc-init consensus=<n>");
    if (given.ipam_init) throw UsageError("--init-peer-count and --ipalloc-init cannot be given together.");
    options.ipam_init = "consensus=" + *given.init_peer_count;
  }

  if (given.no_dns) options.dns = false;
  if (given.dns_optional) options.dns_optional = true;
  if (given.dns_local_first) options.dns_local_first = true;
  if (!given.dns_listen.empty()) options.dns_listen = comma_separated(given.dns_listen);
  take(options.dns_domain, given.dns_domain);
  take(options.dns_ttl, given.dns_ttl);
  if (given.dns_timeout) options.dns_timeout_ms = milliseconds(*given.dns_timeout);
  take(options.resolv_conf, given.resolv_conf);

  take(options.bridge, given.bridge);
  take(options.docker_bridge, given.docker_bridge, "DOCKER_BRIDGE");
  take_number(options.mtu, given.mtu, "WEAVE_MTU");
  if (given.no_fastdp && given.datapath) throw UsageError("--no-fastdp and --datapath cannot be given together.");
  if (given.no_fastdp || non_empty_environment("WEAVE_NO_FASTDP")) options.datapath = "none";
  take(options.datapath, given.datapath);
  if (given.no_masq_local) options.masquerade_local = false;

  take(options.http_addr, given.http_addr, "WEAVE_HTTP_ADDR");
  // A part may be left out, here as where commands look for the router.
  if (!options.http_addr.empty()) options.http_addr = control::control_address(options.http_addr, nullptr).str();
  take(options.status_addr, given.status_addr, "WEAVE_STATUS_ADDR");
  take(options.metrics_addr, given.metrics_addr);
  if (given.docker_api) options.docker = !given.docker_api->empty();
  take(options.docker_api, given.docker_api, "DOCKER_HOST");
  // Without Docker there is no use for the plugin; only an explicit --plugin is an error then.
  if (given.plugin)
    options.plugin = *given.plugin;
  else if (!options.docker || non_empty_environment("WEAVE_NO_PLUGIN"))
    options.plugin = false;
  take(options.plugin_socket, given.plugin_socket);
  take(options.plugin_mesh_socket, given.plugin_mesh_socket);

  take(options.state_dir, given.state_dir);
  if (given.packet_debug) options.log_level = "debug";
  take(options.log_level, given.log_level);
  if (given.no_restart) options.restart = false;
  options.foreground = given.foreground;

  options.peers = peers;
  options.service_id.clear();
  if (!peers.empty() && Cidr::parse(peers[0])) {
    warnings.push_back(fmt::format(
        "WARNING: {} parameter ignored; 'weave launch' no longer takes a CIDR as the first parameter", peers[0]));
    options.peers.erase(options.peers.begin());
  }
  return router::check(std::move(options));
}

}  // namespace weave::cmd
