#include "router/options.hpp"

#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "docker/client.hpp"
#include "ipam/parse.hpp"
#include "mesh/endpoint.hpp"
#include "names/entry.hpp"

namespace weave::router {
namespace {

using Json = nlohmann::json;

constexpr size_t kLongestInterface = 15;  // IFNAMSIZ without the end

void require(bool good, const std::string& message, const std::string& hint = {}) {
  if (!good) throw Error(message, hint);
}

template <class T>
T parsed(Result<T> result, const std::string& option, const std::string& hint = {}) {
  if (!result) throw Error(fmt::format("{}: {}", option, result.error()), hint);
  return std::move(*result);
}

void check_interface(const std::string& option, const std::string& name) {
  bool good = !name.empty() && name.size() <= kLongestInterface && name != "." && name != ".." &&
              name.find_first_of("/ \t\n:") == name.npos;
  require(good, fmt::format("{}: '{}' is not a valid interface name", option, name),
          "an interface name has 1 to 15 characters, without blanks, slashes and colons");
}

// An address to listen on, or empty.
void check_door(const std::string& option, const std::string& text) {
  if (!text.empty()) parsed(http::Address::parse(text), option, "give ip:port, or the path of a unix socket");
}

void check_addresses(const Options& options) {
  if (options.range.empty()) {
    require(options.default_subnet.empty(), "--ipalloc-default-subnet specified without --ipalloc-range.");
    require(options.ipam_init.empty(), "--ipalloc-init specified without --ipalloc-range.");
    return;
  }
  auto range = parsed(ipam::parse_subnet(options.range), "--ipalloc-range", "for example 10.32.0.0/12");
  if (options.default_subnet.empty()) return;
  auto subnet = parsed(ipam::parse_subnet(options.default_subnet), "--ipalloc-default-subnet");
  require(subnet.overlaps(range),
          fmt::format("IP address allocation default subnet {} does not overlap with allocation range {}", subnet.str(),
                      range.str()));
}

void check_init(const std::string& text) {
  if (auto init = ipam::parse_init(text); !init)
    throw Error("Unable to parse --ipalloc-init: " + init.error(),
                "use consensus, consensus=<number of peers>, seed=<peer>,<peer>,..., or observer");
}

void check_names(Options& options) {
  auto domain = names::canonical(options.dns_domain);
  require(domain != "." && names::encodable(domain),
          fmt::format("--dns-domain: '{}' is not a domain", options.dns_domain), "for example weave.local.");
  options.dns_domain = domain;
  require(options.dns_ttl >= 0, "--dns-ttl: must be 0 or more seconds");
  require(options.dns_timeout_ms > 0, "--dns-fallback-timeout: must be more than 0");
  for (const auto& listen : options.dns_listen)
    if (auto address = SocketAddress::parse(listen); !address)
      throw Error(fmt::format("invalid DNS listen address \"{}\": {}", listen, address.error()));
}

}  // namespace

Options check(Options options) {
  if (!options.name.empty()) {
    auto name = parsed(PeerName::parse(options.name), "--name", "a peer name looks like 12:d2:fe:7a:c1:f2");
    require(name.value != 0 && !name.mac().multicast(), fmt::format("--name: {} is not a valid peer name", name.str()),
            "the name becomes the bridge's MAC: not 0, and the first byte even");
    options.name = name.str();
  }
  if (!options.host.empty()) parsed(Ipv4::parse(options.host), "--host", "give an IPv4 address of this machine");
  require(options.port > 0 && options.port < 65535, fmt::format("--port: {} is out of range", options.port),
          "use 1 to 65534; the next port is used, too");
  require(options.peers.empty() || !options.resume,
          "You must not specify an initial peer list in conjunction with --resume");
  for (const auto& peer : options.peers)
    if (auto name = mesh::TargetName::parse(peer); !name)
      throw Error(name.error(), "options may be given before and after the peers");
  require(options.connection_limit >= 0, "--conn-limit: must not be negative");
  require(options.min_protocol == 1 || options.min_protocol == 2, "--min-protocol-version must be in range [1,2]");
  for (auto& subnet : options.trusted_subnets) {
    auto cidr = Cidr::parse(subnet);
    require(cidr.has_value(), "Unable to parse trusted subnets: invalid CIDR address: " + subnet);
    subnet = cidr->masked().str();
  }
  options.encrypted = !options.password.empty();
  check_addresses(options);
  check_init(options.ipam_init);
  check_names(options);
  check_interface("--weave-bridge", options.bridge);
  check_interface("--docker-bridge", options.docker_bridge);
  require(options.mtu == 0 || (options.mtu >= 552 && options.mtu <= 65535),
          fmt::format("--mtu: {} is out of range", options.mtu), "use 552 to 65535 bytes");
  require(options.datapath == "direct" || options.datapath == "bridge" || options.datapath == "none",
          fmt::format("--datapath: unknown mode '{}'", options.datapath),
          "use direct, bridge (every frame crosses the bridge, where firewall rules apply) or none (sleeve only)");
  check_door("--http-addr", options.http_addr);
  check_door("--status-addr", options.status_addr);
  check_door("--metrics-addr", options.metrics_addr);
  if (!options.docker_api.empty())
    parsed(http::Address::parse(options.docker_api), "--docker-api", "use unix:///path or tcp://ip:port");
  else if (options.docker)
    docker::default_address();
  require(!options.plugin || options.docker, "the plugin needs Docker",
          "leave --docker-api out, or use --plugin=false");
  require(options.plugin_mesh_socket.empty() || options.plugin_mesh_socket.starts_with('/'),
          "--plugin-mesh-socket: must be an absolute path");
  require(options.plugin_socket.empty() || options.plugin_socket.starts_with('/'),
          "--plugin-socket: must be an absolute path");
  require(options.state_dir.starts_with('/'), "--state-dir: must be an absolute path");
  log::parse_level(options.log_level);
  return options;
}

std::optional<Cidr> range_of(const Options& options) {
  if (options.range.empty()) return std::nullopt;
  return parsed(ipam::parse_subnet(options.range), "--ipalloc-range");
}

std::optional<Cidr> default_subnet_of(const Options& options) {
  if (options.range.empty() || options.default_subnet.empty()) return range_of(options);
  return parsed(ipam::parse_subnet(options.default_subnet), "--ipalloc-default-subnet");
}

namespace {

// One walk over the fields for both directions: `visit(key, member)`.
template <class Self, class Visit>
void walk(Self& o, Visit visit) {
  visit("name", o.name);
  visit("nickname", o.nickname);
  visit("host", o.host);
  visit("port", o.port);
  visit("peers", o.peers);
  visit("resume", o.resume);
  visit("discovery", o.discovery);
  visit("connection-limit", o.connection_limit);
  visit("min-protocol", o.min_protocol);
  visit("password", o.password);
  visit("password-file", o.password_file);
  visit("encrypted", o.encrypted);
  visit("trusted-subnets", o.trusted_subnets);
  visit("range", o.range);
  visit("range-given", o.range_given);
  visit("default-subnet", o.default_subnet);
  visit("ipam-init", o.ipam_init);
  visit("dns", o.dns);
  visit("dns-optional", o.dns_optional);
  visit("dns-listen", o.dns_listen);
  visit("dns-domain", o.dns_domain);
  visit("dns-ttl", o.dns_ttl);
  visit("dns-local-first", o.dns_local_first);
  visit("dns-timeout-ms", o.dns_timeout_ms);
  visit("resolv-conf", o.resolv_conf);
  visit("bridge", o.bridge);
  visit("docker-bridge", o.docker_bridge);
  visit("mtu", o.mtu);
  visit("datapath", o.datapath);
  visit("masquerade-local", o.masquerade_local);
  visit("http-addr", o.http_addr);
  visit("status-addr", o.status_addr);
  visit("metrics-addr", o.metrics_addr);
  visit("docker-api", o.docker_api);
  visit("docker", o.docker);
  visit("plugin", o.plugin);
  visit("plugin-socket", o.plugin_socket);
  visit("plugin-mesh-socket", o.plugin_mesh_socket);
  visit("state-dir", o.state_dir);
  visit("db-prefix", o.db_prefix);
  visit("log-level", o.log_level);
  visit("restart", o.restart);
  visit("foreground", o.foreground);
  visit("service-id", o.service_id);
}

}  // namespace

std::string to_json(const Options& options, bool secrets) {
  Json json;
  walk(options, [&](const char* key, const auto& member) {
    if (secrets || std::string_view(key) != "password") json[key] = member;
  });
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Options options_from_json(std::string_view text) {
  Options options;
  try {
    auto json = Json::parse(text);
    walk(options, [&](const char* key, auto& member) {
      if (json.contains(key)) json.at(key).get_to(member);
    });
  } catch (const Json::exception& error) {
    throw Error(std::string("cannot read the options of the launch: ") + error.what());
  }
  return options;
}

}  // namespace weave::router
