#include "router/containers.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/log.hpp"
#include "ipam/parse.hpp"
#include "router/attached.hpp"

namespace weave::router {
namespace {

// In the store: the containers that were attached without names.
constexpr const char* kAttachTable = "attach";
constexpr const char* kWithoutNames = "without-dns";
constexpr size_t kShortId = 12;

// An address in the words of `weave attach`.
struct Wish {
  bool allocate = false;     // an address of `cidr`, else exactly `cidr`
  std::optional<Cidr> cidr;  // nothing: the default subnet
};

// "net:default", "net:<subnet>", "ip:<cidr>", "<cidr>"
Wish parse_wish(const std::string& text) {
  if (text == "net:default") return {.allocate = true, .cidr = {}};
  bool allocate = text.starts_with("net:");
  auto rest = allocate ? text.substr(4) : text.starts_with("ip:") ? text.substr(3) : text;
  auto cidr = allocate ? ipam::parse_subnet(rest) : ipam::parse_cidr(rest);
  if (!cidr) throw Error(ErrorKind::kInvalid, cidr.error());
  return {.allocate = allocate, .cidr = *cidr};
}

std::vector<Wish> parse_wishes(std::vector<std::string> texts) {
  if (texts.empty()) texts = {"net:default"};
  std::vector<Wish> wishes;
  for (const auto& text : texts) wishes.push_back(parse_wish(text));
  return wishes;
}

}  // namespace

Containers::Containers(asio::any_io_executor executor, Store& store, Config config, Docker docker, Addresses addresses,
                       Host host, std::function<Registrar*()> names)
    : executor_(executor),
      store_(store),
      config_(std::move(config)),
      docker_(std::move(docker)),
      addresses_(std::move(addresses)),
      host_(std::move(host)),
      names_(std::move(names)) {}

asio::awaitable<bool> Containers::runs(std::string container) {
  try {
    auto found = co_await docker_.inspect_container(container);
    co_return found.running && !found.restarting;
  } catch (const docker::NoSuchContainer&) {
    co_return false;
  }
}

asio::awaitable<bool> Containers::is_ours(std::string network_id) {
  if (auto known = our_networks_.find(network_id); known != our_networks_.end()) co_return known->second;
  auto network = co_await docker_.inspect_network(network_id);
  if (!network) co_return false;
  co_return our_networks_[network_id] = config_.drivers.contains(network->driver);
}

void Containers::on_event(const docker::Event& event) {
  if (event.type == "network") {
    if (event.action == "destroy") our_networks_.erase(event.id);
    if (event.action != "connect" && event.action != "disconnect") return;
    if (auto container = event.attributes.find("container"); container != event.attributes.end())
      schedule_refresh(container->second);
    return;
  }
  if (event.action == "die") {
    if (auto* names = names_()) names->died(event.id);
    if (addresses_.died) addresses_.died(event.id);
  } else if (event.action == "start") {
    if (addresses_.started) addresses_.started(event.id);
  } else if (event.action == "destroy") {
    if (auto* names = names_()) names->removed(event.id);
    if (addresses_.destroyed) addresses_.destroyed(event.id);
    store_.erase(kAttachTable, event.id);
  } else if (event.action != "rename") {
    return;
  }
  // Also after its death: an inspection in flight must not bring back what it saw before.
  schedule_refresh(event.id);
}

void Containers::schedule_refresh(const std::string& container) {
  auto& state = refreshes_[container];
  if (state) {
    state->rerun = true;
    return;
  }
  state = std::make_shared<Refresh>();
  asio::co_spawn(executor_, refresh(container, state), asio::detached);
}

asio::awaitable<void> Containers::refresh(std::string id, std::shared_ptr<Refresh> state) {
  do {
    state->rerun = false;
    try {
      co_await inspect(id, *state);
    } catch (const docker::NoSuchContainer&) {
      if (auto* names = names_()) names->removed(id);
    } catch (const std::exception& error) {
      log::warning("cannot inspect a container: container={} reason={}", id.substr(0, kShortId), error.what());
    }
  } while (state->rerun);
  refreshes_.erase(id);
}

asio::awaitable<void> Containers::inspect(const std::string& id, const Refresh& state) {
  auto container = co_await docker_.inspect_container(id);
  if (!container.running || container.pid == 0) {
    if (auto* names = names_()) names->died(id);
    co_return;
  }
  auto wanted = co_await wanted_names(container);
  if (auto* names = names_(); names && !state.rerun) names->update(id, wanted);
  bool ours = false;
  for (const auto& [name, endpoint] : container.networks) ours = ours || co_await is_ours(endpoint.network_id);
  if (ours) co_await host_.announce(container.pid);
}

// On networks of our drivers the addresses are Docker's, of attached containers the kernel's.
asio::awaitable<Registrar::Wanted> Containers::wanted_names(docker::Container container) {
  Registrar::Wanted wanted;
  if (!names_()) co_return wanted;
  for (const auto& [name, endpoint] : container.networks) {
    auto address = Ipv4::parse(endpoint.ip);
    if (!address || !co_await is_ours(endpoint.network_id)) continue;
    for (auto& fqdn : container_names(container, &endpoint, config_.domain)) wanted.insert({std::move(fqdn), *address});
  }
  if (store_.get(kAttachTable, container.id) == kWithoutNames) co_return wanted;
  for (const auto& cidr : co_await host_.attached(container.pid))
    for (auto& fqdn : container_names(container, nullptr, config_.domain))
      wanted.insert({std::move(fqdn), cidr.address});
  co_return wanted;
}

asio::awaitable<void> Containers::reconcile() {
  our_networks_.clear();
  std::set<std::string> running, existing;
  for (const auto& listed : co_await docker_.list_containers()) {
    existing.insert(listed.id);
    // A paused container runs; one that is being restarted does not.
    if (listed.state == "running" || listed.state == "paused") running.insert(listed.id);
  }
  if (addresses_.reconcile) addresses_.reconcile(running, existing);
  if (auto* names = names_()) names->keep_only(running, existing);
  for (const auto& id : running) schedule_refresh(id);
}

asio::awaitable<std::vector<Cidr>> Containers::attach(control::Backend::AttachRequest request) {
  auto wishes = parse_wishes(request.addresses);
  auto container = attachable(co_await docker_.inspect_container(request.container));
  // What the container held before stays its own when the attach fails.
  auto before = addresses_.held ? addresses_.held(container.id) : std::set<Ipv4>();

  std::vector<Cidr> cidrs;
  std::exception_ptr failure;
  try {
    for (const auto& wish : wishes) {
      if (!wish.allocate) {
        if (addresses_.claim && !co_await addresses_.claim(container.id, *wish.cidr))
          throw Error(ErrorKind::kCancelled, "Container " + container.id + " died");
        cidrs.push_back(*wish.cidr);
        continue;
      }
      if (!addresses_.allocate) throw Error("IP address allocation must be enabled to use 'net:'");
      auto cidr = co_await addresses_.allocate(container.id, wish.cidr ? wish.cidr : config_.default_subnet);
      if (!cidr) throw Error(ErrorKind::kCancelled, "Container " + container.id + " died");
      cidrs.push_back(*cidr);
    }
    co_await host_.attach(container, cidrs, request);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    for (const auto& cidr : cidrs)
      if (addresses_.release && !before.contains(cidr.address)) addresses_.release(container.id, cidr.address);
    std::rethrow_exception(failure);
  }
  if (request.names)
    store_.erase(kAttachTable, container.id);
  else
    store_.put(kAttachTable, container.id, kWithoutNames);
  // Before the response, so that the name works when the command returns.
  auto wanted = co_await wanted_names(container);
  if (auto* names = names_()) names->update(container.id, wanted);
  co_return cidrs;
}

asio::awaitable<std::vector<Cidr>> Containers::detach(std::string word, std::vector<std::string> addresses) {
  auto wishes = parse_wishes(std::move(addresses));
  auto container = attachable(co_await docker_.inspect_container(word));
  auto wanted = [wishes, subnet = config_.default_subnet](const Cidr& cidr) {
    return std::any_of(wishes.begin(), wishes.end(), [&](const Wish& wish) {
      if (!wish.allocate) return wish.cidr->address == cidr.address;
      auto within = wish.cidr ? wish.cidr : subnet;
      return !within || within->contains(cidr.address);
    });
  };
  auto removed = co_await host_.detach(container, wanted);
  if (removed.empty()) {
    std::string other;
    for (const auto& cidr : co_await host_.attached(container.pid)) other += (other.empty() ? "" : " ") + cidr.str();
    throw Error(ErrorKind::kNotFound,
                other.empty() ? word + " is not attached"
                              : fmt::format("{} is not attached with such an address; it has {}: name what to detach",
                                            word, other));
  }
  for (const auto& cidr : removed)
    if (addresses_.release) addresses_.release(container.id, cidr.address);
  if (auto* names = names_()) {
    for (const auto& cidr : removed)
      names->remove({.hostname = {}, .container = container.id, .address = cidr.address});
    auto left = co_await wanted_names(container);
    names->update(container.id, left);
  }
  co_return removed;
}

}  // namespace weave::router
