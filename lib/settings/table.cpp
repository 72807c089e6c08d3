#include "settings/table.hpp"

#include "settings/field.hpp"

namespace weave::settings {
namespace {

constexpr const char* kDockerApi = "--docker-api";

// Encryption follows from the password.
void password_given(Settings& settings, const std::string& text) {
  if (text.empty()) throw Error("--password is empty", "leave it out to launch without encryption");
  settings.password_file.clear();
  settings.encrypted = !text.empty();
}

// An empty endpoint as an option means no Docker at all; elsewhere it is the default.
Field docker_api() {
  auto made = field("docker-api", &Settings::docker_api, docker_address);
  made.set = [set = made.set](Settings& to, const std::string& source, const Texts& texts) {
    if (source == kDockerApi) to.docker = !texts.back().empty();
    if (!texts.back().empty()) set(to, source, texts);
  };
  made.load = [load = made.load](Settings& to, const std::string& source, const Json& value) {
    if (value != "") load(to, source, value);
  };
  return made;
}

void no_fastdp(Settings& to, const std::string& source, const std::string& text) {
  if (truth(source, text)) to.datapath = DatapathMode::kNone;
}

void packet_debug(Settings& to, const std::string& source, const std::string& text) {
  if (truth(source, text)) to.log_level = log::Level::kDebug;
}

void init_peer_count(Settings& to, const std::string& source, const std::string& text) {
  to.ipam_init = ipam_init(source, "consensus=" + text);
}

}  // namespace

std::string Row::name() const {
  auto comma = names.rfind(',');
  return comma == names.npos ? names : names.substr(comma + 1);
}

const Row& row_of(const std::string& name) {
  for (const auto& row : table())
    if (row.name() == name) return row;
  throw std::logic_error("no option " + name);
}

// In the order of the help. Where two rows set the same field, the later one wins.
const std::vector<Row>& table() {
  static const std::vector<Row> rows{
      {.names = "--password",
       .value = "<text>",
       .help =
           "encrypt traffic and accept only peers with the same password (prefer WEAVE_PASSWORD or --password-file)",
       .variable = {"WEAVE_PASSWORD"},
       .field = field_and(field("password", &Settings::password, secret), password_given),
       .excludes = "--password-file",
       .secret = true},
      {.names = "--password-file",
       .value = "<file>",
       .help = "read the password from a file",
       .field = field("password-file", &Settings::password_file, any_text)},
      {.names = "--allow-readable-password-file",
       .help = "accept a password file that other users can read",
       .field = flag("any-password-file-mode", &Settings::any_password_file_mode)},
      {.field = flag("encrypted", &Settings::encrypted)},
      {.names = "--trusted-subnets",
       .value = "<cidr>,...",
       .help = "don't encrypt to peers in these subnets that also trust ours",
       .field = list("trusted-subnets", &Settings::trusted_subnets, trusted_subnet, ',')},
      {.names = "--rekey-after",
       .value = "<packets>",
       .help = "give a peer a new key for the encrypted fast datapath after so many packets (default 4294967296)",
       .field = field("rekey-after", &Settings::rekey_after, packet_count)},
      {.names = "--host",
       .value = "<ip>",
       .help = "local address for peers to connect to (default: all)",
       .field = field("host", &Settings::host, local_address)},
      {.names = "--port",
       .value = "<n>",
       .help = "TCP and UDP port; the fast datapath uses the next one (default 6783)",
       .variable = {"WEAVE_PORT"},
       .field = field("port", &Settings::port, port)},
      {.names = "--name",
       .value = "<mac>",
       .help = "name of this peer (default: from the bridge or the machine id)",
       .field = field("name", &Settings::name, peer_name)},
      {.names = "--nickname",
       .value = "<text>",
       .help = "nickname of this peer (default: the host name)",
       .field = field("nickname", &Settings::nickname, any_text)},
      {.field = list("peers", &Settings::peers, peer, 0), .words = true, .this_launch = true},
      {.names = "--resume",
       .help = "use the settings and peers of the last launch; other options override",
       .field = flag("resume", &Settings::resume),
       .this_launch = true},
      {.names = "--no-discovery",
       .help = "connect only to the named peers, not to peers that they report",
       .field = flag("discovery", &Settings::discovery, false),
       .old_names = {"-nodiscovery", "--nodiscovery"}},
      {.names = "--conn-limit",
       .value = "<n>",
       .help = "maximum number of connections to peers; 0: no limit (default 200)",
       .field = field("connection-limit", &Settings::connection_limit, connection_limit),
       .old_names = {"-connlimit", "--connlimit"}},
      {.names = "--min-protocol-version",
       .value = "<n>",
       .help = "refuse peers with an older protocol: 1 or 2 (default 1)",
       .field = field("min-protocol", &Settings::min_protocol, protocol_version)},
      {.names = "--ipalloc-range",
       .value = "<cidr>",
       .help = "address range that all peers share; empty: no IPAM (default 10.32.0.0/12)",
       .field = field_and(field("range", &Settings::range, range),
                          [](Settings& to, const std::string&) { to.range_given = true; }),
       .old_names = {"-iprange", "--iprange"}},
      {.field = flag("range-given", &Settings::range_given)},
      {.names = "--ipalloc-default-subnet",
       .value = "<cidr>",
       .help = "subnet that net:default stands for (default: the range)",
       .field = field("default-subnet", &Settings::default_subnet, subnet),
       .old_names = {"-ipsubnet", "--ipsubnet"}},
      {.names = "--ipalloc-init",
       .value = "<mode>",
       .help = "consensus[=<peers>], seed=<peer>,... or observer",
       .field = field("ipam-init", &Settings::ipam_init, ipam_init)},
      {.names = "--init-peer-count",
       .value = "<n>",
       .field = alias(init_peer_count),
       .old_names = {"-initpeercount", "--initpeercount"},
       .excludes = "--ipalloc-init",
       .use_instead = "--ipalloc-init consensus=<n>",
       .show = Show::kHidden},
      {.names = "--no-dns", .help = "don't run a DNS server", .field = flag("dns", &Settings::dns, false)},
      {.names = "--dns-optional",
       .help = "start without DNS if its address is in use",
       .field = flag("dns-optional", &Settings::dns_optional)},
      {.names = "--dns-listen-address",
       .value = "<ip>:<port>",
       .help = "may be repeated (default: port 53 of Docker's bridge)",
       .field = list("dns-listen", &Settings::dns_listen, dns_address, ',')},
      {.names = "--dns-effective-listen-address", .value = "<ip>", .show = Show::kIgnored},
      {.names = "--dns-domain",
       .value = "<domain>",
       .help = "domain of container names (default weave.local.)",
       .field = field("dns-domain", &Settings::dns_domain, domain)},
      {.names = "--dns-ttl",
       .value = "<s>",
       .help = "time to live of DNS responses in seconds (default 1)",
       .field = field("dns-ttl", &Settings::dns_ttl, ttl)},
      {.names = "--dns-local-first",
       .help = "return addresses of local containers first",
       .field = flag("dns-local-first", &Settings::dns_local_first)},
      {.names = "--dns-fallback-timeout",
       .value = "<time>",
       .help = "time limit for forwarded queries (default 5s)",
       .field = field("dns-timeout-ms", &Settings::dns_timeout, timeout)},
      {.names = "--resolv-conf",
       .value = "<file>",
       .help = "name servers for other domains (default /etc/resolv.conf)",
       .field = field("resolv-conf", &Settings::resolv_conf, any_text)},
      {.names = "--plugin",
       .help = "run the plugin for Docker networks (default true)",
       .variable = {"WEAVE_NO_PLUGIN", "false"},
       .field = flag("plugin", &Settings::plugin)},
      {.names = "--plugin-socket",
       .value = "<path>",
       .help = "default /run/docker/plugins/weave.sock; empty: none",
       .field = field("plugin-socket", &Settings::plugin_socket, socket_path)},
      {.names = "--plugin-mesh-socket",
       .value = "<path>",
       .help = "default /run/docker/plugins/weavemesh.sock; empty: none",
       .field = field("plugin-mesh-socket", &Settings::plugin_mesh_socket, socket_path)},
      {.names = kDockerApi,
       .value = "<endpoint>",
       .help = "endpoint of the Docker Engine API (default: DOCKER_HOST); empty: no Docker",
       .variable = {"DOCKER_HOST"},
       .field = docker_api()},
      {.field = flag("docker", &Settings::docker)},
      {.names = "--mtu",
       .value = "<n>",
       .help = "MTU of the bridge and of containers (default: from the underlay)",
       .variable = {"WEAVE_MTU"},
       .field = field("mtu", &Settings::mtu, mtu)},
      {.names = "--datapath",
       .value = "<mode>",
       .help = "direct; bridge: all frames cross the bridge; none: sleeve only (default direct)",
       .field = field("datapath", &Settings::datapath, datapath_mode),
       .choices = datapath_modes()},
      {.names = "--no-fastdp",
       .help = "the same as --datapath=none",
       .variable = {"WEAVE_NO_FASTDP", "true"},
       .field = alias(no_fastdp),
       .excludes = "--datapath"},
      {.names = "--no-masq-local",
       .help = "don't masquerade traffic to this host's own address ranges",
       .field = flag("masquerade-local", &Settings::masquerade_local, false)},
      {.names = "--weave-bridge",
       .value = "<name>",
       .help = "name of the bridge (default weave)",
       .field = field("bridge", &Settings::bridge, interface)},
      {.names = "--docker-bridge",
       .value = "<name>",
       .help = "name of Docker's bridge (default docker0)",
       .variable = {"DOCKER_BRIDGE"},
       .field = field("docker-bridge", &Settings::docker_bridge, interface)},
      {.names = "--http-addr",
       .value = "<ip>:<port>",
       .help = "control API for scripts; empty: none (default 127.0.0.1:6784)",
       .variable = {"WEAVE_HTTP_ADDR"},
       .field = field("http-addr", &Settings::http_addr, control_address)},
      {.names = "--status-addr",
       .value = "<ip>:<port>",
       .help = "status and metrics only; empty: none (default 127.0.0.1:6782)",
       .variable = {"WEAVE_STATUS_ADDR"},
       .field = field("status-addr", &Settings::status_addr, service)},
      {.names = "--metrics-addr",
       .value = "<ip>:<port>",
       .help = "metrics only (default: none)",
       .field = field("metrics-addr", &Settings::metrics_addr, service)},
      {.names = "--state-dir",
       .value = "<directory>",
       .help = "directory for persistent state (default /var/lib/weave)",
       .field = field("state-dir", &Settings::state_dir, path)},
      {.names = "--db-prefix",
       .value = "<path>",
       .help = "path prefix of Weave Net's state, which a first launch imports (default: its usual places)",
       .field = field("db-prefix", &Settings::db_prefix, any_text)},
      {.names = "--pkt-debug", .field = alias(packet_debug), .show = Show::kHidden},
      {.names = "--log-level",
       .value = "<level>",
       .help = "debug, info, warning or error (default info)",
       .variable = {"WEAVE_DEBUG", "debug"},
       .field = field("log-level", &Settings::log_level, log_level),
       .choices = log_levels()},
      {.names = "--no-restart",
       .help = "don't restart the router after a crash",
       .field = flag("restart", &Settings::restart, false)},
      {.names = "--foreground",
       .help = "stay in the foreground, log to stderr",
       .field = flag("foreground", &Settings::foreground),
       .this_launch = true},
      {.field = field("service-id", &Settings::service_id, any_text), .this_launch = true},
      {.names = "--bufsz", .value = "<n>", .show = Show::kIgnored},
      {.names = "--no-bridged-fastdp", .show = Show::kIgnored},
      {.names = "--no-multicast-route", .show = Show::kIgnored},
      {.names = "--no-detect-tls", .show = Show::kIgnored},
      // Of Weave Net's proxy.
      {.names = "--proxy", .show = Show::kIgnored},
      {.names = "-H", .value = "<endpoint>", .show = Show::kIgnored},
      {.names = "--without-dns", .show = Show::kIgnored},
      {.names = "--no-rewrite-hosts", .show = Show::kIgnored},
      {.names = "--no-default-ipalloc", .show = Show::kIgnored},
      {.names = "--hostname-from-label", .value = "<label>", .show = Show::kIgnored},
      {.names = "--hostname-match", .value = "<regexp>", .show = Show::kIgnored},
      {.names = "--hostname-replacement", .value = "<text>", .show = Show::kIgnored},
      {.names = "--rewrite-inspect", .show = Show::kIgnored},
      {.names = "--tls", .show = Show::kIgnored},
      {.names = "--tlsverify", .show = Show::kIgnored},
      {.names = "--tlscacert", .value = "<file>", .show = Show::kIgnored},
      {.names = "--tlscert", .value = "<file>", .show = Show::kIgnored},
      {.names = "--tlskey", .value = "<file>", .show = Show::kIgnored},
  };
  return rows;
}

}  // namespace weave::settings
