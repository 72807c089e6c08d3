#include "router/names_service.hpp"

#include "base/clock.hpp"
#include "base/log.hpp"
#include "host/routes.hpp"

namespace weave::router {
namespace {

constexpr uint16_t kDnsPort = 53;

}  // namespace

std::vector<SocketAddress> dns_listen_addresses(const std::vector<SocketAddress>& given,
                                                const std::string& docker_bridge) {
  if (!given.empty()) return given;
  auto address = host::docker_bridge_address(docker_bridge);
  if (!address)
    throw Error(ErrorKind::kNotFound,
                fmt::format("the DNS server has no address: Docker's bridge {} has none", docker_bridge),
                "give one with --dns-listen-address, or switch DNS off with --no-dns");
  return {{Ip(*address), kDnsPort}};
}

NamesService::NamesService(asio::any_io_executor executor, Store& store, Config config, Mesh mesh)
    : config_(std::move(config)), database_(config_.self, config_.domain) {
  dns_ = std::make_unique<DnsService>(executor, database_, [this] { return dns_config(); });
  names::GossipHooks hooks;
  hooks.now = unix_time;
  hooks.known = std::move(mesh.knows);
  hooks.neighbour = std::move(mesh.speaker);
  hooks.broadcast = std::move(mesh.broadcast);
  hooks.changed = [this](const names::Entries& entries) { dns_->changed(entries); };
  hooks.erased = [this](const names::Entries& entries) { dns_->erased(entries); };
  gossiper_ = std::make_unique<names::Gossiper>(database_, std::move(hooks));
  registrar_ = std::make_unique<Registrar>(database_, store, [this](const auto& entries) { publish(entries); });
}

void NamesService::publish(const names::Entries& entries) {
  dns_->changed(entries);
  gossiper_->publish(entries);
}

dns::Config NamesService::dns_config() const {
  dns::Config config;
  config.listen = dns_listen_addresses(config_.listen, config_.docker_bridge);
  config.domain = config_.domain;
  config.ttl = config_.ttl;
  if (config_.local_first) config.local = config_.self;
  config.resolv_conf = config_.resolv_conf;
  config.timeout = config_.timeout;
  return config;
}

asio::awaitable<std::optional<std::string>> NamesService::start() {
  if (config_.await_docker && config_.listen.empty() && !host::docker_bridge_address(config_.docker_bridge)) {
    co_await dns_->service().start_or_retry();
    co_return std::nullopt;
  }
  std::optional<Error> failure;
  try {
    co_await dns_->service().start();
  } catch (const Error& error) {
    failure = error;
  }
  if (!failure) co_return std::nullopt;
  if (!config_.optional) throw *failure;
  registrar_.reset();
  gossiper_.reset();
  dns_.reset();
  co_return fmt::format("DNS is off: {}", failure->what());
}

asio::awaitable<void> NamesService::stop() {
  if (dns_) co_await dns_->service().stop();
}

bool NamesService::up() const {
  return !dns_ || dns_->service().up();
}

void NamesService::collect() {
  auto now = std::chrono::steady_clock::now();
  if (!on() || now - collected_ <= std::chrono::seconds(names::kTombstoneLife)) return;
  database_.collect(unix_time());
  collected_ = now;
}

void NamesService::report(control::Report& report) const {
  if (!dns_) return;
  control::Dns dns;
  dns.domain = config_.domain;
  dns.upstream = dns_->status().upstreams;
  try {
    dns.address = dns_config().listen.front().str();
  } catch (const Error&) {  // Docker's bridge does not exist yet
  }
  dns.ttl = static_cast<int>(config_.ttl);
  for (const auto& entry : database_.entries())
    dns.entries.push_back({entry.hostname, entry.origin, entry.container, entry.address,
                           static_cast<int>(entry.version), entry.tombstone});
  dns.state = dns_->service().state();
  // Names of a peer whose clock is wrong are missing; this line is what tells why.
  if (const auto skews = gossiper_->status().skews; dns_->service().up() && !skews.empty()) {
    const auto& skew = skews.front();
    dns.state = fmt::format("ignoring names from {}: its clock is {} s {} ours; check NTP", skew.peer.str(),
                            std::abs(skew.seconds), skew.seconds < 0 ? "behind" : "ahead of");
  }
  report.dns = std::move(dns);
}

void NamesService::count(control::Counters& counters) const {
  if (!dns_) return;
  counters.services_up["dns"] = dns_->service().up();
  counters.service_restarts["dns"] = dns_->service().restarts();
  const auto& status = dns_->status();
  counters.dns_queries = {{"answered", status.answered},
                          {"forwarded", status.forwarded},
                          {"refused", status.refused},
                          {"dropped", status.dropped},
                          {"failed", status.failed}};
}

}  // namespace weave::router
