#include "router/docker_network.hpp"

#include "base/log.hpp"

namespace weave::router {

asio::awaitable<void> DockerNetwork::ensure() {
  problem_.clear();
  if (driver_.empty()) {  // its socket is switched off; Docker would take its own driver
    ready_ = true;
    co_return;
  }
  if (!subnet_) {
    problem_ = "Docker network \"weave\" not created: IP address allocation is off";
    co_return;
  }
  const auto remedy = "remove it with 'docker network rm weave' and run 'weave launch-plugin' again";
  try {
    auto network = co_await docker_.inspect(kNetworkName);
    if (!network) {
      co_await docker_.create({.name = kNetworkName,
                               .driver = driver_,
                               .ipam_driver = driver_,
                               .ipam_options = {},
                               .subnets = {{.subnet = subnet_->str(), .range = {}, .gateway = {}}},
                               .options = {{"works.weave.multicast", "true"}},
                               .labels = {}});
    } else if (network->driver != driver_) {
      problem_ =
          fmt::format("Docker's network \"weave\" has the driver {}, not {}: {}", network->driver, driver_, remedy);
    } else if (network->subnets.size() != 1 || network->subnets[0].subnet != subnet_->str()) {
      problem_ = fmt::format("Docker's network \"weave\" has the subnet {}, not {}: {}",
                             network->subnets.empty() ? "none" : network->subnets[0].subnet, subnet_->str(), remedy);
    }
    ready_ = true;
  } catch (const Error& error) {
    problem_ = fmt::format("cannot create Docker's network \"weave\": {}", error.what());
    log::warning("{}", problem_);
  }
}

asio::awaitable<std::optional<docker::Network>> DockerNetwork::ours() {
  auto network = co_await docker_.inspect(kNetworkName);
  if (network && network->driver != driver_) network.reset();
  co_return network;
}

asio::awaitable<std::vector<std::string>> DockerNetwork::members() {
  std::vector<std::string> ids;
  try {
    if (auto network = co_await ours())
      for (const auto& [id, member] : network->containers)
        // Others are not containers: "ep-..." is an endpoint that a crash left behind.
        if (id.find_first_not_of("0123456789abcdef") == id.npos) ids.push_back(id);
  } catch (const Error& error) {
    log::warning("cannot ask Docker about its network: network={} reason={}", kNetworkName, error.what());
  }
  co_return ids;
}

asio::awaitable<std::optional<std::string>> DockerNetwork::remove() {
  ready_ = false;
  try {
    if (auto network = co_await ours()) co_await docker_.remove(network->id);
  } catch (const Error& error) {
    co_return fmt::format("unable to remove network: {}", error.what());
  }
  co_return std::nullopt;
}

}  // namespace weave::router
