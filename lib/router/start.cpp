// How a router comes up and goes down.
#include <unistd.h>

#include <sodium/randombytes.h>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>

#include "base/asio.hpp"
#include "base/log.hpp"
#include "base/offload.hpp"
#include "base/version.hpp"
#include "control/client.hpp"
#include "host/bridge.hpp"
#include "host/expose.hpp"
#include "host/identity.hpp"
#include "host/routes.hpp"
#include "migrate/weave_net.hpp"
#include "router/last_launch.hpp"
#include "router/reset.hpp"
#include "router/router.hpp"
#include "supervise/lock.hpp"

namespace weave::router {
namespace {

using namespace std::chrono_literals;
constexpr auto kTick = 5s;  // addresses of dead containers, firewall
constexpr const char* kTable = kRouterTable;

constexpr int kControlMode = 0660;

PeerName random_name() {
  Mac mac;
  randombytes_buf(mac.bytes.data(), mac.bytes.size());
  mac.bytes[0] = static_cast<uint8_t>((mac.bytes[0] & ~1) | 2);
  return PeerName::from(mac);
}

}  // namespace

void Router::open_store() {
  std::error_code code;
  std::filesystem::create_directories(options_.state_dir, code);
  if (code) throw errno_error("cannot make " + options_.state_dir, code.value());
  std::filesystem::permissions(options_.state_dir, std::filesystem::perms::owner_all, code);
  store_.emplace(options_.state_dir + "/weave.db");
  if (auto imported = migrate::import_at_first_launch(options_.db_prefix, *store_))
    log::info("took over Weave Net's state: file={} {}", imported->path, imported->str());
}

// The name given; else the one that the bridge carries, this machine's, or one made up and stored.
void Router::identify() {
  if (!options_.name.empty()) {
    self_ = *PeerName::parse(options_.name);
  } else if (auto known = host::peer_name(options_.bridge)) {
    self_ = *known;
  } else {
    auto stored = store_->get(kTable, "name");
    auto parsed = stored ? PeerName::parse(*stored) : Refused(std::string());
    self_ = parsed ? *parsed : random_name();
    store_->put(kTable, "name", self_.str());
  }
  if (options_.nickname.empty()) {
    char name[256] = {};
    ::gethostname(name, sizeof name - 1);
    options_.nickname = name;
  }
}

void Router::open_doors() {
  auto open = [&](const http::Address& address, control::Door door) {
    doors_.push_back(std::make_unique<http::Server>(io_.get_executor(), address, routes_.handler(door), kControlMode));
  };
  open({.path = control::kSocketPath, .host = {}}, control::Door::kSocket);
  supervise::give_to_docker_group(control::kSocketPath);
  if (!options_.http_addr.empty()) open(*http::Address::parse(options_.http_addr), control::Door::kTcp);
  if (!options_.status_addr.empty()) open(*http::Address::parse(options_.status_addr), control::Door::kStatus);
  if (!options_.metrics_addr.empty()) open(*http::Address::parse(options_.metrics_addr), control::Door::kStatus);
}

host::FirewallConfig Router::firewall_config() const {
  auto config = router::firewall_config(options_);
  config.local_ranges = unmasqueraded();
  return config;
}

// Our part of the range, when traffic to it is to keep its source.
std::vector<Cidr> Router::unmasqueraded() const {
  if (options_.masquerade_local || !addresses_) return {};
  return to_cidrs(addresses_->allocator().ring().owned(self_));
}

asio::awaitable<void> Router::prepare_host() {
  struct Made {
    uint32_t mtu = 0;
    std::optional<host::Firewall> firewall;
  };
  auto made = co_await offload(host_, [this] {
    bool fresh = host::bridge_type(options_.bridge) == host::BridgeType::kNone;
    auto link = host::ensure_bridge({.name = options_.bridge,
                                     .mac = self_.mac(),
                                     .mtu = static_cast<uint32_t>(options_.mtu),
                                     .encrypted = !options_.password.empty(),
                                     .docker_bridge = options_.docker_bridge});
    bridge_made_ = fresh;
    host::Firewall firewall(host::Iptables::of_docker(), firewall_config());
    firewall.start();
    for (const auto& cidr : host::bridge_addresses(options_.bridge))
      log::info("{} bridge has address {}", options_.bridge, cidr.str());
    return Made{link.mtu, std::move(firewall)};
  });
  mtu_ = made.mtu;
  firewall_ = std::move(made.firewall);
}

// A launch that fails leaves the host as it was.
asio::awaitable<void> Router::undo_host() {
  if (!bridge_made_) co_return;
  try {
    co_await offload(host_, [this] {
      host::Firewall(host::Iptables::of_docker(), firewall_config()).uninstall();
      overlay::FastDatapath::remove();
      host::remove_bridge(options_.bridge);
    });
  } catch (const Error& error) {
    log::warning("cannot undo the preparation of the host: reason={}", error.what());
  }
}

dns::Config Router::dns_config() const {
  dns::Config config;
  config.listen = options_.dns_listen;
  if (config.listen.empty()) {
    auto address = host::docker_bridge_address(options_.docker_bridge);
    if (!address)
      throw Error(fmt::format("the DNS server has no address: Docker's bridge {} has none", options_.docker_bridge),
                  "give one with --dns-listen-address, or switch DNS off with --no-dns");
    config.listen = {address->str() + ":53"};
  }
  config.domain = options_.dns_domain;
  config.ttl = static_cast<uint32_t>(options_.dns_ttl);
  if (options_.dns_local_first) config.local = self_;
  config.resolv_conf = options_.resolv_conf;
  config.timeout = std::chrono::milliseconds(options_.dns_timeout_ms);
  return config;
}

asio::awaitable<void> Router::start_dns(std::vector<std::string>& warnings) {
  if (!options_.dns) co_return;
  names_.emplace(self_, options_.dns_domain);
  dns_.emplace(io_.get_executor(), *names_, [this] { return dns_config(); });
  gossip_names();
  registrar_.emplace(*names_, *store_, [this](const names::Entries& entries) {
    dns_->changed(entries);
    gossiper_->publish(entries);
  });
  // Under systemd, Docker may come after us, and its bridge with it.
  if (options_.foreground && options_.dns_listen.empty() && !host::docker_bridge_address(options_.docker_bridge)) {
    co_await dns_->service().start_or_retry();
    co_return;
  }
  std::optional<Error> failure;
  try {
    co_await dns_->service().start();
  } catch (const Error& error) {
    failure = error;
  }
  if (!failure) co_return;
  if (!options_.dns_optional) throw Error(failure->what(), failure->hint());
  warnings.push_back(fmt::format("going on without DNS: {}", failure->what()));
  registrar_.reset();
  gossiper_.reset();
  dns_.reset();
  names_.reset();
  options_.dns = false;
}

// Addresses that containers and the bridge have, whatever the store knows, are taken before anything is given out.
asio::awaitable<void> Router::reclaim() {
  if (!addresses_) co_return;
  auto& allocator = addresses_->allocator();
  auto claim = [&](const std::string& ident, const Cidr& cidr, bool container) {
    if (auto holder = allocator.holder(cidr.address); holder && (*holder == ident || ident == "_")) return;
    log::info("Found address {} for ID {}", cidr.str(), ident);
    addresses_->found(ident, cidr, container);
  };
  for (const auto& cidr : co_await offload(host_, [this] { return host::bridge_addresses(options_.bridge); }))
    claim(std::string(names::kExposeId), cidr, false);

  std::map<std::string, int> processes;  // container, pid; without Docker: each namespace once
  if (docker_) {
    try {
      for (const auto& listed : co_await docker_->list_containers()) {
        auto container = co_await docker_->inspect_container(listed.id);
        if (container.pid != 0) processes[container.id] = container.pid;
      }
    } catch (const Error& error) {
      log::warning("cannot ask Docker which containers run, looking at all processes: reason={}", error.what());
      processes.clear();
    }
  }
  struct Found {
    std::string ident;
    Cidr cidr;
    bool container;
  };
  auto found = co_await offload(host_, [this, processes] {
    std::vector<Found> list;
    auto ports = host::container_ports(options_.bridge);
    if (ports.empty()) return list;
    auto look = [&](const host::NetNs& guest, const std::string& id) {
      for (const auto& attachment : host::list_attached(guest, ports))
        for (const auto& cidr : attachment.cidrs) {
          // Docker's plugin files addresses under their own text and frees them itself.
          bool ours = attachment.interface == "ethwe" && !id.empty();
          list.push_back({ours ? id : "_", cidr, ours});
        }
    };
    if (!processes.empty()) {
      for (const auto& [id, pid] : processes) try {
          look(host::NetNs::of_pid(pid), id);
        } catch (const Error&) {  // it has ended in this moment
        }
      return list;
    }
    std::error_code ignored;
    std::set<std::string> seen;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
      auto name = entry.path().filename().string();
      if (name.find_first_not_of("0123456789") != name.npos) continue;
      auto link = std::filesystem::read_symlink(entry.path() / "ns/net", ignored).string();
      if (link.empty() || !seen.insert(link).second) continue;
      try {
        look(host::NetNs::of_pid(std::stoi(name)), "");
      } catch (const Error&) {
      }
    }
    return list;
  });
  for (const auto& one : found) claim(one.ident, one.cidr, one.container);
}

asio::awaitable<std::vector<std::string>> Router::start() {
  lock_ = supervise::lock_host();
  open_store();
  store_launch(*store_, options_);
  identify();
  log::info("router starts: service={} version={} peer={}({})", options_.service_id, kVersion, self_.str(),
            options_.nickname);
  if (options_.docker) {
    auto address = options_.docker_api.empty() ? docker::default_address() : *http::Address::parse(options_.docker_api);
    docker_.emplace(address);
  }
  std::vector<std::string> warnings;
  std::exception_ptr failure;
  try {
    if (range_of(options_)) {
      addresses_.emplace(
          io_.get_executor(), ipam_config(), ipam::load(*store_), ipam::save_to(*store_),
          [this](std::string ident) { return runs(std::move(ident)); }, ipam_links());
      addresses_channel_ = addresses_->channel();
      for (const auto& line : {addresses_->allocator().note(), addresses_->allocator().mode()})
        if (!line.empty()) log::info("[allocator {}] {}", self_.str(), line);
    }
    co_await start_dns(warnings);
    co_await prepare_host();
    co_await reclaim();
    start_node(warnings);
    open_doors();
    auto stored = store_->get(kTable, "plugin").value_or("");
    bool before_crash = stored.starts_with(options_.service_id + " ");
    if (before_crash) plugin_id_ = stored.substr(options_.service_id.size() + 1);
    if (options_.plugin || before_crash) co_await start_plugin_server(before_crash);
    if (docker_) {
      asio::co_spawn(io_,
                     docker::watch(
                         *docker_, [this](const docker::Event& event) { on_event(event); },
                         [this] { asio::co_spawn(io_, reconcile(), asio::detached); }),
                     asio::detached);
    }
    asio::co_spawn(io_, keep_house(), asio::detached);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    co_await shut_down();
    co_await undo_host();
    std::rethrow_exception(failure);
  }
  if (!network_trouble_.empty()) warnings.push_back(network_trouble_);
  ready_ = true;
  co_return warnings;
}

// What has to be looked at every now and then.
asio::awaitable<void> Router::keep_house() {
  asio::steady_timer timer(io_);
  auto collected = std::chrono::steady_clock::now();
  while (!stopping_) {
    timer.expires_after(kTick);
    co_await timer.async_wait(kAsResult);
    if (stopping_) co_return;
    try {
      mend_sleeve();
      if (addresses_) addresses_->tick();
      if (auto now = std::chrono::steady_clock::now();
          names_ && now - collected > std::chrono::seconds(names::kTombstoneLife)) {
        names_->collect(
            std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
                .count());
        collected = now;
      }
      auto repaired = co_await offload(host_, [this, ranges = unmasqueraded()] {
        if (ranges != firewall_->config().local_ranges) firewall_->set_local_ranges(ranges);
        return firewall_->ensure();
      });
      for (const auto& table : repaired)
        log::warning("firewall rules were missing and are whole again: table={}", table);
    } catch (const Error& error) {
      log::error("keeping house: reason={}", error.what());
    }
  }
}

asio::awaitable<void> Router::shut_down() {
  stopping_ = true;
  ready_ = false;
  if (plugin_) co_await plugin_->stop();
  doors_.clear();
  if (node_) node_->stop();
  // It mustn't take the end of our connections for news.
  fast_.reset();
  if (dns_) co_await dns_->service().stop();
}

}  // namespace weave::router
