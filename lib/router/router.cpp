#include "router/router.hpp"

#include <netinet/in.h>
#include <sodium/randombytes.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>

#include "base/log.hpp"
#include "base/version.hpp"
#include "control/client.hpp"
#include "host/identity.hpp"
#include "host/netlink.hpp"
#include "host/routes.hpp"
#include "migrate/weave_net.hpp"
#include "names/entry.hpp"
#include "router/last_launch.hpp"
#include "router/shut_down.hpp"
#include "router/store_table.hpp"
#include "supervise/lock.hpp"

namespace weave::router {
namespace {

using namespace std::chrono_literals;
constexpr auto kTick = 5s;  // of the maintenance loop
constexpr const char* kNetworkItem = "Docker's network weave";
constexpr int kControlMode = 0660;
constexpr const char* kNameKey = "name";
constexpr const char* kMachineKey = "machine";  // whose id the name was derived from; empty: of none
constexpr const char* kUnknownIdent = "_";      // holds addresses of containers whose id is unknown

// The kernel decides: an address may be local by a route alone, without any interface that has it.
bool is_local(const Ip& address) {
  auto ip = Ipv4::parse(address.str());
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!ip || !fd) return true;
  sockaddr_in wanted{};
  wanted.sin_family = AF_INET;
  wanted.sin_addr.s_addr = htonl(ip->value);
  return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&wanted), sizeof wanted) == 0 || errno != EADDRNOTAVAIL;
}

PeerName random_name() {
  Mac mac;
  randombytes_buf(mac.bytes.data(), mac.bytes.size());
  mac.bytes[0] = static_cast<uint8_t>((mac.bytes[0] & ~1) | 2);
  return PeerName::from(mac);
}

}  // namespace

Router::Router(settings::Settings settings) : settings_(std::move(settings)) {}
Router::~Router() = default;

void Router::open_store() {
  std::error_code code;
  std::filesystem::create_directories(settings_.state_dir, code);
  if (code) throw errno_error("cannot make " + settings_.state_dir, code.value());
  std::filesystem::permissions(settings_.state_dir, std::filesystem::perms::owner_all, code);
  store_.emplace(settings_.state_dir + "/weave.db");
  if (auto imported = migrate::import_at_first_launch(settings_.db_prefix, *store_))
    log::info("Weave Net's state was imported: file={} items=\"{}\"", imported->path, imported->str());
}

// The peer name: the one given; else the stored one, which the ring and other peers know; else the bridge's MAC, this
// machine's, or a random one. A name that was derived from the id of another machine came with a copy of its disk: two
// peers with it would push each other out.
void Router::identify() {
  auto stored = PeerName::parse(store_->get(kRouterTable, kNameKey).value_or(""));
  auto mark = host::machine_mark(), stored_mark = store_->get(kRouterTable, kMachineKey).value_or("");
  bool copied =
      !stored_mark.empty() && !mark.empty() && stored_mark != mark && !host::Netlink().find_link(settings_.bridge);
  if (settings_.name)
    self_ = *settings_.name;
  else if (stored && !copied)
    self_ = *stored;
  else
    self_ = host::peer_name(settings_.bridge).value_or(random_name());
  if (stored && copied && !settings_.name)
    log::warning("the stored peer name is that of another machine and is not used: stored={} name={}", stored->str(),
                 self_.str());
  store_->put(kRouterTable, kNameKey, self_.str());
  store_->put(kRouterTable, kMachineKey, self_ == host::system_peer_name() ? mark : "");
  if (settings_.nickname.empty()) {
    char name[256] = {};
    ::gethostname(name, sizeof name - 1);
    settings_.nickname = name;
  }
}

asio::awaitable<std::vector<std::string>> Router::start() {
  lock_ = supervise::lock_host();
  open_store();
  store_launch(*store_, settings_);
  identify();
  log::info("router starts: service={} version={} peer={}({})", settings_.service_id, kVersion, self_.str(),
            settings_.nickname);
  std::vector<std::string> warnings;
  std::exception_ptr failure;
  try {
    co_await start_owners(warnings);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    co_await shut_down();
    if (owners_.host) co_await owners_.host->undo();
    std::rethrow_exception(failure);
  }
  ready_ = true;
  co_return warnings;
}

asio::awaitable<void> Router::start_owners(std::vector<std::string>& warnings) {
  owners_.docker = make_docker();
  owners_.plugin = make_plugin();
  owners_.addresses = make_addresses();
  if (owners_.addresses) {
    addresses_channel_ = owners_.addresses->channel();
    for (const auto& line : {owners_.addresses->allocator().note(), owners_.addresses->allocator().mode()})
      if (!line.empty()) log::info("address allocation starts: mode=\"{}\"", line);
  }
  owners_.names = make_names();
  owners_.containers = make_containers();
  owners_.host = make_host();
  if (owners_.names)
    if (auto warning = co_await owners_.names->start()) warnings.push_back(*warning);
  co_await owners_.host->prepare();
  for (const auto& problem : owners_.host->problems()) warnings.push_back(problem);
  co_await claim_found_addresses();
  start_mesh(warnings);
  serve_api();
  if (owners_.plugin->ran_before())
    co_await owners_.plugin->start_again();
  else if (settings_.plugin)
    co_await owners_.plugin->start({});
  if (const auto& problem = owners_.plugin->network().problem(); !problem.empty()) warnings.push_back(problem);
  if (owners_.docker)
    asio::co_spawn(io_,
                   docker::watch(
                       *owners_.docker, [this](const docker::Event& event) { on_docker_event(event); },
                       [this] { asio::co_spawn(io_, docker_connected(), asio::detached); }),
                   asio::detached);
  add_checks();
  reconciler_.start();
  asio::co_spawn(io_, maintenance_loop(), asio::detached);
}

// Addresses that containers and the bridge have, whatever the store knows, are claimed before any is given out.
asio::awaitable<void> Router::claim_found_addresses() {
  if (!owners_.addresses) co_return;
  auto claim = [&](const std::string& ident, const Cidr& cidr, bool container) {
    auto holder = owners_.addresses->allocator().holder(cidr.address);
    if (holder && (*holder == ident || ident == kUnknownIdent)) return;
    log::info("an address in use was found: address={} ident={}", cidr.str(), ident);
    owners_.addresses->found(ident, cidr, container);
  };
  for (const auto& cidr : co_await owners_.host->exposed()) claim(std::string(names::kExposeId), cidr, false);
  for (const auto& found : co_await owners_.host->found_addresses(owners_.docker.get())) {
    bool known = !found.container.empty();
    claim(known ? found.container : kUnknownIdent, found.cidr, known);
  }
}

void Router::start_mesh(std::vector<std::string>& warnings) {
  owners_.datapath = make_datapath();
  owners_.datapath->start();
  for (const auto& line : owners_.datapath->warnings()) warnings.push_back(line);
  owners_.peers = make_peers();
  auto& node = owners_.peers->node();
  if (owners_.addresses) node.add_channel(ipam::kChannelName, addresses_channel_);
  if (owners_.dns_on()) node.add_channel(names::kChannelName, owners_.names->channel());
  node.start();
  owners_.datapath->keep_short_id(node.mesh().peers());
  for (auto& refused : owners_.peers->connect_initial()) warnings.push_back(std::move(refused));
}

void Router::serve_api() {
  api_ = std::make_unique<Api>(io_.get_executor(), blocking_pool_, owners_, settings_.subnet(),
                               Api::Hooks{.report = [this](control::ReportParts parts) { return report(parts); },
                                          .stop = [this] { on_stop_(); }});
  routes_ = std::make_unique<control::Routes>(*api_);
  auto serve = [&](const http::Address& address, control::Door door) {
    servers_.push_back(
        std::make_unique<http::Server>(io_.get_executor(), address, routes_->handler(door), kControlMode));
  };
  serve({.path = control::kSocketPath, .host = {}}, control::Door::kSocket);
  supervise::give_to_docker_group(control::kSocketPath);
  if (settings_.http_addr) serve(*settings_.http_addr, control::Door::kTcp);
  if (settings_.status_addr) serve(*settings_.status_addr, control::Door::kStatus);
  if (settings_.metrics_addr) serve(*settings_.metrics_addr, control::Door::kMetrics);
}

void Router::on_docker_event(const docker::Event& event) {
  owners_.containers->on_event(event);
  auto& plugin = *owners_.plugin;
  if (event.type != "network" || event.action != "destroy" || !plugin.wanted() || !plugin.network().ready()) return;
  auto name = event.attributes.find("name");
  if (name == event.attributes.end() || name->second != kNetworkName) return;
  // `docker network prune` removes it when no container is on it.
  network_removed_ = true;
  reconciler_.wake();
}

asio::awaitable<void> Router::restore_docker_network() {
  auto& plugin = *owners_.plugin;
  if (!network_removed_ || !plugin.wanted() || !repairs_.due(kNetworkItem)) co_return;
  network_removed_ = false;
  co_await plugin.network().ensure();
  if (plugin.network().problem().empty()) repairs_.note(kNetworkItem);
}

// A route that a VPN or another program has made in the range takes its part of the containers away from this host.
void Router::look_at_routes() {
  if (!settings_.range) return;
  auto route = host::overlapping_route(*settings_.range, settings_.bridge);
  auto problem = route ? fmt::format(
                             "the route {} of this host overlaps the address range {}: this host doesn't reach "
                             "containers there; remove the route, or use another range on all hosts",
                             route->destination.str(), settings_.range->str())
                       : std::string();
  if (problem == route_problem_) return;
  if (route)
    log::warning("a route of this host overlaps the address range: route={} range={}", route->destination.str(),
                 settings_.range->str());
  else
    log::info("no route of this host overlaps the address range any more");
  route_problem_ = std::move(problem);
}

void Router::add_checks() {
  using When = Reconciler::When;
  reconciler_.add("bridge", When::kEvents, [this] { return owners_.host->repair_bridge(); });
  reconciler_.add("data path", When::kEvents, [this]() -> asio::awaitable<void> {
    owners_.datapath->repair(repairs_);
    co_return;
  });
  reconciler_.add("host's addresses", When::kEvents, [this]() -> asio::awaitable<void> {
    owners_.peers->node().drop_lost_addresses(is_local);
    co_return;
  });
  reconciler_.add("routes", When::kEvents, [this]() -> asio::awaitable<void> {
    look_at_routes();
    co_return;
  });
  reconciler_.add("firewall", When::kTimer, [this] { return owners_.host->repair_firewall(); });
  reconciler_.add("Docker's network", When::kEvents, [this] { return restore_docker_network(); });
}

// After each (re)connection to Docker: its events were missed until now.
asio::awaitable<void> Router::docker_connected() {
  try {
    co_await owners_.containers->reconcile();
    auto& network = owners_.plugin->network();
    if (owners_.plugin->wanted() && !network.ready()) co_await network.ensure();
    co_await reconciler_.run();  // Docker's start has changed the firewall
  } catch (const std::exception& error) {
    log::warning("cannot compare with Docker: reason={}", error.what());
  }
}

// Every 5 s: ticks the allocator, and removes old tombstones of names.
asio::awaitable<void> Router::maintenance_loop() {
  asio::steady_timer timer(io_);
  while (!stopping_) {
    timer.expires_after(kTick);
    co_await timer.async_wait(kAsResult);
    if (stopping_) co_return;
    try {
      if (owners_.addresses) owners_.addresses->tick();
      if (owners_.names) owners_.names->collect();
    } catch (const Error& error) {
      log::error("periodic maintenance failed: reason={}", error.what());
    }
  }
}

asio::awaitable<void> Router::shut_down() {
  stopping_ = true;
  ready_ = false;
  reconciler_.stop();
  ShutDown steps;
  steps.plugin = [this]() -> asio::awaitable<void> {
    if (owners_.plugin) co_await owners_.plugin->shut_down();
  };
  steps.api = [this] { servers_.clear(); };
  steps.peers = [this] {
    if (owners_.peers) owners_.peers->node().stop();
  };
  steps.datapath = [this] {
    if (owners_.datapath) owners_.datapath->stop();
  };
  steps.names = [this]() -> asio::awaitable<void> {
    if (owners_.names) co_await owners_.names->stop();
  };
  co_await run(std::move(steps));
}

}  // namespace weave::router
