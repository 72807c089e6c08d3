// What each owner needs of the others, as functions: see the table in router.hpp.
#include <sodium/randombytes.h>

#include <boost/asio/co_spawn.hpp>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/offload.hpp"
#include "control/client.hpp"
#include "host/hosts_file.hpp"
#include "mesh/endpoint.hpp"
#include "router/attached.hpp"
#include "router/reset.hpp"
#include "router/router.hpp"

namespace weave::router {
namespace {

constexpr const char* kEthwe = "ethwe";  // the interface of attached containers

uint64_t random_number() {
  uint64_t number;
  randombytes_buf(&number, sizeof number);
  return number;
}

ipam::Config ipam_config(const settings::Settings& settings, PeerName self) {
  auto init = settings.ipam_init.value_or(ipam::Init());
  return {.self = self,
          .nickname = settings.nickname,
          .range = settings.range.value(),
          .default_subnet = settings.subnet().value(),
          .seed = std::move(init.seed),
          .observer = init.observer,
          .expected = init.expected,
          .uid = random_number(),
          .random = random_number};
}

std::string fqdn_of(const docker::Container& container) {
  return container.domainname.empty() ? container.hostname : container.hostname + "." + container.domainname;
}

// The addresses of a container's interface ethwe.
std::vector<Cidr> ethwe_addresses(int pid, const std::string& bridge) {
  std::vector<Cidr> cidrs;
  for (const auto& attachment : host::list_attached(host::NetNs::of_pid(pid), host::container_ports(bridge)))
    if (attachment.interface == kEthwe) cidrs.insert(cidrs.end(), attachment.cidrs.begin(), attachment.cidrs.end());
  return cidrs;
}

void attach_interface(const docker::Container& container, const std::vector<Cidr>& cidrs,
                      const control::Backend::AttachRequest& request, const std::string& bridge,
                      const host::Iptables& iptables) {
  auto sandbox = host::NetNs::of_pid(container.pid);
  if (request.rewrite_hosts) {
    std::vector<Ipv4> addresses;
    for (const auto& cidr : cidrs) addresses.push_back(cidr.address);
    host::replace_container_hosts(container.hosts_path,
                                  host::container_hosts(addresses, fqdn_of(container), request.extra_hosts));
  }
  host::attach(sandbox, std::to_string(container.pid), cidrs,
               {.bridge = bridge, .multicast_route = request.multicast_route, .iptables = iptables});
}

}  // namespace

std::unique_ptr<docker::Client> Router::make_docker() const {
  return settings_.docker ? std::make_unique<docker::Client>(settings_.docker_api) : nullptr;
}

std::unique_ptr<Addresses> Router::make_addresses() {
  if (!settings_.range) return nullptr;
  ipam::Links links;
  // Addresses -> Peers. The node is made after the addresses.
  links.unicast = [this](PeerName to, Bytes message) -> Result<void> {
    if (!owners_.peers) return Refused(std::string("not connected yet"));
    return owners_.peers->node().unicast(ipam::kChannelName, to, message);
  };
  links.broadcast = [this] {
    if (owners_.peers) owners_.peers->node().broadcast(ipam::kChannelName, addresses_channel_.gossip());
  };
  links.reachable = [this](PeerName peer) { return owners_.peers && owners_.peers->knows(peer); };
  links.targets = [this] { return owners_.peers ? owners_.peers->node().targets().size() : settings_.peers.size(); };
  links.unix_time = unix_time;
  // Addresses -> Containers: an address is given to a running container only.
  auto alive = [this](std::string ident) -> asio::awaitable<bool> {
    if (!owners_.docker) co_return true;
    co_return co_await owners_.containers->runs(std::move(ident));
  };
  return std::make_unique<Addresses>(io_.get_executor(), ipam_config(settings_, self_), ipam::load(*store_),
                                     ipam::save_to(*store_), alive, std::move(links),
                                     [this] { return owners_.host->addresses_in_use(); });
}

std::unique_ptr<NamesService> Router::make_names() {
  if (!settings_.dns) return nullptr;
  NamesService::Config config{.self = self_,
                              .domain = settings_.dns_domain,
                              .listen = settings_.dns_listen,
                              .docker_bridge = settings_.docker_bridge,
                              .ttl = static_cast<uint32_t>(settings_.dns_ttl.count()),
                              .local_first = settings_.dns_local_first,
                              .resolv_conf = settings_.resolv_conf,
                              .timeout = settings_.dns_timeout,
                              .optional = settings_.dns_optional,
                              .await_docker = settings_.foreground};
  // NamesService -> Peers. What is registered before there is a node goes to each new neighbour anyway.
  NamesService::Mesh mesh;
  mesh.knows = [this](PeerName peer) { return owners_.peers && owners_.peers->knows(peer); };
  mesh.speaker = [this] { return owners_.peers ? owners_.peers->node().mesh().speaker() : PeerName{}; };
  mesh.broadcast = [this](gossip::Gossip data) {
    if (owners_.peers) owners_.peers->node().broadcast(names::kChannelName, std::move(data));
  };
  return std::make_unique<NamesService>(io_.get_executor(), *store_, std::move(config), std::move(mesh));
}

std::vector<Cidr> Router::own_ranges() const {
  if (settings_.masquerade_local || !owners_.addresses) return {};
  return to_cidrs(owners_.addresses->allocator().ring().owned(self_));
}

std::unique_ptr<HostState> Router::make_host() {
  std::vector<Ipv4> peers;  // those given by address: a name may take long to resolve
  for (const auto& text : settings_.peers)
    if (auto name = mesh::TargetName::parse(text))
      if (auto address = Ipv4::parse(name->host)) peers.push_back(*address);
  return std::make_unique<HostState>(blocking_pool_, repairs_,
                                     HostState::Config{.bridge = {.name = settings_.bridge,
                                                                  .mac = self_.mac(),
                                                                  .mtu = settings_.mtu,
                                                                  .encrypted = !settings_.password.empty(),
                                                                  .docker_bridge = settings_.docker_bridge,
                                                                  .peers = std::move(peers)},
                                                       .firewall = firewall_config(settings_),
                                                       .unmasqueraded = [this] { return own_ranges(); }});
}

std::unique_ptr<Datapath> Router::make_datapath() {
  return std::make_unique<Datapath>(io_.get_executor(), *store_,
                                    Datapath::Config{.self = self_,
                                                     .mode = settings_.datapath,
                                                     .host = settings_.host,
                                                     .port = settings_.port,
                                                     .bridge = settings_.bridge,
                                                     .encrypted = !settings_.password.empty(),
                                                     .rekey_after = settings_.rekey_after});
}

std::unique_ptr<Peers> Router::make_peers() {
  mesh::NodeConfig config;
  config.name = self_;
  config.nickname = settings_.nickname;
  config.port = settings_.port;
  config.host = settings_.host ? settings_.host->str() : "";
  config.password = settings_.password;
  config.trusted_subnets = settings_.trusted_subnets;
  config.min_version = settings_.min_protocol;
  config.conn_limit = static_cast<size_t>(settings_.connection_limit);
  config.discovery = settings_.discovery;
  config.short_id = owners_.datapath->short_id();
  config.overlays = owners_.datapath->overlays();

  mesh::NodeHooks hooks;
  // Peers -> Datapath
  hooks.short_ids_changed = [this] { owners_.datapath->keep_short_id(owners_.peers->node().mesh().peers()); };
  // Peers -> Addresses, NamesService
  hooks.peers_gone = [this](const std::vector<mesh::Peer>& peers) {
    for (const auto& peer : peers) {
      if (owners_.dns_on()) owners_.names->peer_gone(peer.name);
      if (owners_.addresses) owners_.addresses->peer_gone(peer.name);
    }
  };
  return std::make_unique<Peers>(io_.get_executor(), *store_,
                                 Peers::Config{.node = std::move(config),
                                               .peers = settings_.peers,
                                               .resume = settings_.resume,
                                               .launch = settings_.service_id},
                                 std::move(hooks));
}

std::unique_ptr<Containers> Router::make_containers() {
  Containers::Docker docker;
  docker.inspect_container = [this](std::string word) {
    return require_docker(owners_).inspect_container(std::move(word));
  };
  docker.inspect_network = [this](std::string id) { return require_docker(owners_).inspect_network(std::move(id)); };
  docker.list_containers = [this] { return require_docker(owners_).list_containers(false); };

  // Containers -> Addresses
  Containers::Addresses addresses;
  if (owners_.addresses) {
    auto& ipam = *owners_.addresses;
    addresses.allocate = [this, &ipam](std::string id, std::optional<Cidr> subnet) {
      return ipam.allocate(std::move(id), subnet ? *subnet : *settings_.subnet(), true);
    };
    addresses.claim = [&ipam](std::string id, Cidr address) { return ipam.claim(std::move(id), address, true); };
    addresses.release = [&ipam](const std::string& id, Ipv4 address) { ipam.release(id, address); };
    addresses.held = [&ipam](const std::string& id) {
      std::set<Ipv4> held;
      for (const auto& owned : ipam.allocator().owned())
        if (owned.ident == id)
          for (const auto& cidr : owned.addresses) held.insert(cidr.address);
      return held;
    };
    addresses.died = [&ipam](const std::string& id) { ipam.container_died(id); };
    addresses.started = [&ipam](const std::string& id) { ipam.container_started(id); };
    addresses.destroyed = [&ipam](const std::string& id) { ipam.container_destroyed(id); };
    addresses.reconcile = [&ipam](const auto& running, const auto& existing) { ipam.reconcile(running, existing); };
  }

  // Containers -> kernel
  Containers::Host host;
  host.attach = [this](docker::Container container, std::vector<Cidr> cidrs, control::Backend::AttachRequest request) {
    return offload(blocking_pool_, [this, container, cidrs, request] {
      attach_interface(container, cidrs, request, settings_.bridge, owners_.host->iptables());
    });
  };
  host.detach = [this](docker::Container container, std::function<bool(const Cidr&)> wanted) {
    return offload(blocking_pool_, [this, container, wanted] {
      std::vector<Cidr> present;
      for (const auto& cidr : ethwe_addresses(container.pid, settings_.bridge))
        if (wanted(cidr)) present.push_back(cidr);
      if (present.empty()) return present;
      return host::detach(host::NetNs::of_pid(container.pid), present,
                          {.bridge = settings_.bridge, .iptables = owners_.host->iptables()});
    });
  };
  host.attached = [this](int pid) {
    return offload(blocking_pool_, [pid, bridge = settings_.bridge] {
      return host::Netlink().find_link(fmt::format("vethwepl{}", pid)) ? ethwe_addresses(pid, bridge)
                                                                       : std::vector<Cidr>();
    });
  };
  host.announce = [this](int pid) {
    return offload(blocking_pool_, [pid] { host::announce_container(host::NetNs::of_pid(pid)); });
  };
  return std::make_unique<Containers>(
      io_.get_executor(), *store_,
      Containers::Config{
          .domain = settings_.dns_domain,
          .default_subnet = settings_.subnet(),
          .drivers = {plugin::driver_name(settings_.plugin_socket), plugin::driver_name(settings_.plugin_mesh_socket)}},
      std::move(docker), std::move(addresses), std::move(host), [this] { return owners_.registrar(); });
}

std::unique_ptr<PluginService> Router::make_plugin() {
  auto docker_api = settings_.docker ? std::optional(settings_.docker_api) : std::nullopt;
  PluginService::Config config{.process = {.sockets = {settings_.plugin_socket, settings_.plugin_mesh_socket},
                                           .control_socket = control::kSocketPath,
                                           .store = store_->path(),
                                           .bridge = settings_.bridge,
                                           .range = settings_.range,
                                           .default_subnet = settings_.subnet(),
                                           .docker_api = docker_api,
                                           .log_level = settings_.log_level},
                               .launch = settings_.service_id,
                               .docker = owners_.docker != nullptr,
                               .dns = settings_.dns};
  DockerNetwork::Docker docker;
  docker.inspect = [this](std::string name) { return require_docker(owners_).inspect_network(std::move(name)); };
  docker.create = [this](docker::NewNetwork network) -> asio::awaitable<void> {
    co_await require_docker(owners_).create_network(std::move(network));
  };
  docker.remove = [this](std::string id) { return require_docker(owners_).remove_network(std::move(id)); };
  return std::make_unique<PluginService>(io_.get_executor(), *store_, std::move(config), std::move(docker));
}

}  // namespace weave::router
