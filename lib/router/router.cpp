// What the control API asks of the router: addresses, names, exposure.
#include "router/router.hpp"

#include <boost/asio/use_awaitable.hpp>

#include "base/log.hpp"
#include "base/offload.hpp"
#include "host/expose.hpp"

namespace weave::router {

Router::Router(Options options) : options_(std::move(options)) {}
Router::~Router() = default;

control::Backend::Parts Router::parts() {
  return {.ipam = addresses_.has_value(), .dns = dns_.has_value(), .proxy = false};
}

asio::awaitable<std::optional<Cidr>> Router::allocate(std::string id, std::optional<Cidr> subnet, bool check_alive) {
  co_return co_await addresses_->allocate(std::move(id), subnet.value_or(*default_subnet_of(options_)), check_alive);
}

asio::awaitable<bool> Router::claim(std::string id, Cidr address, bool check_alive, bool lenient) {
  co_return co_await addresses_->claim(std::move(id), address, check_alive, lenient);
}

std::vector<Cidr> Router::lookup(const std::string& id, std::optional<Cidr> subnet) {
  return addresses_->allocator().lookup(id, subnet);
}

std::map<std::string, std::vector<Cidr>> Router::owned() {
  std::map<std::string, std::vector<Cidr>> all;
  for (auto& one : addresses_->allocator().owned()) all[one.ident] = std::move(one.addresses);
  return all;
}

bool Router::release(const std::string& id, std::optional<Ipv4> address) {
  return addresses_->release(id, address);
}

asio::awaitable<void> Router::ring() {
  co_await addresses_->prime();
}

asio::awaitable<void> Router::leave() {
  if (!addresses_) co_return;
  auto heir = addresses_->leave();
  if (!heir) co_return;
  log::info("our addresses go to another peer: peer={}", heir->str());
  asio::steady_timer on_its_way(io_, std::chrono::milliseconds(500));
  co_await on_its_way.async_wait(asio::use_awaitable);
}

std::optional<uint64_t> Router::take_over(const std::string& peer, bool force) {
  if (!addresses_) return std::nullopt;
  return addresses_->take_over(peer, force);
}

std::string Router::ipam_diff() {
  return addresses_->diff();
}

std::string Router::ipam_repair(bool rejoin, bool force) {
  auto text = addresses_->repair(rejoin, force);
  // Those who refused us, or whom we refused, are tried at once.
  if (rejoin && node_) node_->connect(node_->targets(), false);
  return text;
}

asio::awaitable<std::optional<std::string>> Router::add_name(std::string id, Ipv4 address, std::string fqdn,
                                                             bool check_alive) {
  if (auto refused = registrar_->add(id, address, fqdn)) co_return refused;
  if (!check_alive || co_await runs(id)) co_return std::nullopt;
  registrar_->remove({.hostname = fqdn, .container = id, .address = address});
  co_return fmt::format("container {} is not running", id);
}

void Router::delete_name(std::optional<std::string> fqdn, std::optional<std::string> id, std::optional<Ipv4> address) {
  registrar_->remove({.hostname = std::move(fqdn), .container = std::move(id), .address = address});
}

asio::awaitable<void> Router::expose(Cidr address, bool skip_nat) {
  co_await offload(host_, [this, address, skip_nat] {
    host::add_bridge_address(address, options_.bridge);
    firewall_->add({address, !skip_nat});
  });
}

asio::awaitable<void> Router::hide(Cidr address, bool) {
  co_await offload(host_, [this, address] {
    firewall_->remove(address);
    host::remove_bridge_address(address.address, options_.bridge);
  });
}

}  // namespace weave::router
