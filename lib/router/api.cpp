#include "router/api.hpp"

#include <boost/asio/steady_timer.hpp>

#include "base/log.hpp"
#include "router/attached.hpp"

namespace weave::router {
namespace {

using namespace std::chrono_literals;
constexpr auto kLeaveTime = 500ms;    // for the message that names the heir, as in Weave Net
constexpr auto kResponseTime = 20ms;  // for the response to `weave stop`

}  // namespace

docker::Client& require_docker(const Owners& owners) {
  if (!owners.docker) throw Error(ErrorKind::kUnavailable, "weave was launched without Docker (--docker-api '')");
  return *owners.docker;
}

control::Backend::Parts Api::parts() {
  return {.ipam = owners_.addresses != nullptr, .dns = owners_.dns_on(), .proxy = false};
}

control::Counters Api::counters() {
  control::Counters counters;
  if (owners_.peers) owners_.peers->count(counters);
  if (owners_.names) owners_.names->count(counters);
  owners_.plugin->count(counters);
  if (owners_.datapath) owners_.datapath->count(counters);
  return counters;
}

asio::awaitable<std::optional<Cidr>> Api::allocate(std::string id, std::optional<Cidr> subnet, bool check_alive) {
  return owners_.addresses->allocate(std::move(id), subnet ? *subnet : *default_subnet_, check_alive);
}

asio::awaitable<bool> Api::claim(std::string id, Cidr address, bool check_alive, bool lenient) {
  return owners_.addresses->claim(std::move(id), address, check_alive, lenient);
}

std::vector<Cidr> Api::lookup(const std::string& id, std::optional<Cidr> subnet) {
  return owners_.addresses->allocator().lookup(id, subnet);
}

std::map<std::string, std::vector<Cidr>> Api::owned() {
  std::map<std::string, std::vector<Cidr>> all;
  for (auto& one : owners_.addresses->allocator().owned()) all[one.ident] = std::move(one.addresses);
  return all;
}

bool Api::release(const std::string& id, std::optional<Ipv4> address) {
  return owners_.addresses->release(id, address);
}

asio::awaitable<void> Api::ring() {
  return owners_.addresses->prime();
}

asio::awaitable<void> Api::leave() {
  if (!owners_.addresses) co_return;
  auto heir = owners_.addresses->leave();
  if (!heir) co_return;
  log::info("the addresses of this peer were given to another peer: peer={}", heir->str());
  asio::steady_timer sent(executor_, kLeaveTime);
  co_await sent.async_wait(asio::use_awaitable);
}

std::optional<uint64_t> Api::take_over(const std::string& peer, bool force) {
  if (!owners_.addresses) return std::nullopt;
  return owners_.addresses->take_over(peer, force);
}

std::string Api::ipam_diff() {
  return owners_.addresses->diff();
}

std::string Api::ipam_repair(bool rejoin, bool force) {
  auto text = owners_.addresses->repair(rejoin, force);
  // Peers that refused this one, or that it refused, are tried at once.
  if (rejoin && owners_.peers) owners_.peers->node().connect(owners_.peers->node().targets(), false);
  return text;
}

asio::awaitable<std::optional<std::string>> Api::add_name(std::string id, Ipv4 address, std::string fqdn,
                                                          bool check_alive) {
  if (auto refused = owners_.registrar()->add(id, address, fqdn)) co_return refused;
  if (!check_alive || !owners_.docker || co_await owners_.containers->runs(id)) co_return std::nullopt;
  owners_.registrar()->remove({.hostname = fqdn, .container = id, .address = address});
  co_return fmt::format("container {} is not running", id);
}

void Api::delete_name(std::optional<std::string> fqdn, std::optional<std::string> id, std::optional<Ipv4> address) {
  owners_.registrar()->remove({.hostname = std::move(fqdn), .container = std::move(id), .address = address});
}

asio::awaitable<std::vector<Cidr>> Api::attach(AttachRequest request) {
  return owners_.containers->attach(std::move(request));
}

asio::awaitable<std::vector<Cidr>> Api::detach(std::string container, std::vector<std::string> addresses) {
  return owners_.containers->detach(std::move(container), std::move(addresses));
}

asio::awaitable<std::vector<control::Backend::Attached>> Api::attached(std::vector<std::string> containers) {
  return attached_containers(require_docker(owners_), pool_, owners_.host->bridge(), std::move(containers));
}

asio::awaitable<void> Api::expose(Cidr address, bool skip_nat) {
  return owners_.host->expose(address, !skip_nat);
}

asio::awaitable<void> Api::hide(Cidr address, bool) {
  return owners_.host->hide(address);
}

std::vector<std::string> Api::connect(const std::vector<std::string>& peers, bool replace) {
  return owners_.peers->connect(peers, replace);
}

void Api::forget(const std::vector<std::string>& peers) {
  owners_.peers->forget(peers);
}

asio::awaitable<std::string> Api::start_plugin(PluginStart options) {
  return owners_.plugin->start(options);
}

asio::awaitable<bool> Api::stop_plugin() {
  return owners_.plugin->stop();
}

asio::awaitable<std::vector<std::string>> Api::stop(bool remove_network) {
  std::vector<std::string> warnings;
  auto& network = owners_.plugin->network();
  auto members = owners_.docker ? co_await network.members() : std::vector<std::string>();
  if (!members.empty()) {
    std::string line;
    for (const auto& id : members) line += "  " + id.substr(0, 12) + " ";
    warnings = {"WARNING: the following containers are still attached to network \"weave\":", line,
                "Docker operations involving those containers may pause or fail", "while Weave is not running"};
  } else if (remove_network && owners_.docker) {
    if (auto warning = co_await network.remove()) warnings.push_back(*warning);
  }
  if (!std::exchange(stop_asked_, true)) {
    auto timer = std::make_shared<asio::steady_timer>(executor_, kResponseTime);
    timer->async_wait([this, timer](boost::system::error_code) { hooks_.stop(); });
  }
  co_return warnings;
}

}  // namespace weave::router
