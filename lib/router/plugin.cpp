// Docker's plugin: its process, and the network "weave".
#include <sys/socket.h>

#include "base/log.hpp"
#include "control/client.hpp"
#include "router/router.hpp"
#include "supervise/self.hpp"

namespace weave::router {
namespace {

constexpr const char* kTable = kRouterTable;
constexpr const char* kNetwork = "weave";

}  // namespace

PluginConfig Router::plugin_config() const {
  return {.sockets = {options_.plugin_socket, options_.plugin_mesh_socket},
          .control_socket = control::kSocketPath,
          .store = store_->path(),
          .bridge = options_.bridge,
          .range = range_of(options_),
          .default_subnet = default_subnet_of(options_),
          .docker_api = docker_ ? docker_->address().str() : "",
          .log_level = options_.log_level};
}

asio::awaitable<std::string> Router::start_plugin(http::Fields) {
  return start_plugin_server(false);
}

asio::awaitable<std::string> Router::start_plugin_server(bool patient) {
  if (!docker_) throw Error("the plugin needs Docker, and weave was launched without it");
  if (plugin_ && plugin_->wanted()) co_return plugin_id_;
  if (!plugin_) {
    plugin_.emplace(io_.get_executor(), "plugin", "plugin-server", supervise::Service::Hooks{.prepare = [this] {
                      // The far end of this pair closes with us, and the plugin ends.
                      SocketPair pair;
                      plugin_life_ = std::move(pair.ours);
                      return supervise::Service::Start{to_json(plugin_config()), std::move(pair.theirs)};
                    }});
  }
  if (plugin_id_.empty()) plugin_id_ = supervise::new_service_id();
  network_ready_ = false;
  if (patient)
    co_await plugin_->start_or_retry();
  else
    co_await plugin_->start();
  store_->put(kTable, "plugin", options_.service_id + " " + plugin_id_);
  log::info("plugin starts: service={}", plugin_id_);
  co_await ensure_network();
  co_return plugin_id_;
}

asio::awaitable<bool> Router::stop_plugin() {
  if (!plugin_ || !plugin_->wanted()) co_return false;
  co_await plugin_->stop();
  plugin_id_.clear();
  store_->erase(kTable, "plugin");
  co_return true;
}

// Makes Docker's network "weave" unless there is one. Docker that can't be reached is no error: it may come later.
asio::awaitable<void> Router::ensure_network() {
  network_trouble_.clear();
  auto subnet = default_subnet_of(options_);
  if (!subnet) {
    network_trouble_ = "Docker gets no network \"weave\": IP address allocation is off";
    co_return;
  }
  std::string failure;
  try {
    auto network = co_await docker_->inspect_network(kNetwork);
    if (!network) {
      co_await docker_->create_network({.name = kNetwork,
                                        .driver = std::string(plugin::kMeshDriver),
                                        .ipam_driver = std::string(plugin::kMeshDriver),
                                        .ipam_options = {},
                                        .subnets = {{.subnet = subnet->str(), .range = {}, .gateway = {}}},
                                        .options = {{"works.weave.multicast", "true"}},
                                        .labels = {}});
    } else if (network->driver != plugin::kMeshDriver) {
      network_trouble_ = fmt::format(
          "Docker's network \"weave\" has the driver {}, not weavemesh: remove it with 'docker network rm weave' and "
          "run "
          "'weave launch-plugin' again",
          network->driver);
    } else if (network->subnets.size() != 1 || network->subnets[0].subnet != subnet->str()) {
      network_trouble_ = fmt::format(
          "Docker's network \"weave\" has the subnet {}, not {}: remove it with 'docker network rm weave' and run "
          "'weave "
          "launch-plugin' again",
          network->subnets.empty() ? "none" : network->subnets[0].subnet, subnet->str());
    }
    network_ready_ = true;
    co_return;
  } catch (const Error& error) {
    failure = error.what();
  }
  network_trouble_ = fmt::format("cannot make Docker's network \"weave\": {}", failure);
  log::warning("{}", network_trouble_);
}

// Ids of the containers on the network "weave"; none without Docker or network.
asio::awaitable<std::vector<std::string>> Router::network_members() {
  std::vector<std::string> ids;
  if (!docker_) co_return ids;
  try {
    if (auto network = co_await docker_->inspect_network(kNetwork); network && network->driver == plugin::kMeshDriver)
      for (const auto& [id, member] : network->containers)
        if (id.find_first_not_of("0123456789abcdef") == id.npos) ids.push_back(id);
  } catch (const Error& error) {
    log::warning("cannot ask Docker about its network: reason={}", error.what());
  }
  co_return ids;
}

asio::awaitable<std::vector<std::string>> Router::stop(bool remove_network) {
  auto members = co_await network_members();
  std::vector<std::string> warnings;
  if (!members.empty()) {
    std::string line;
    for (const auto& id : members) line += "  " + id.substr(0, 12) + " ";
    warnings = {"WARNING: the following containers are still attached to network \"weave\":", line,
                "Docker operations involving those containers may pause or fail", "while Weave is not running"};
  } else if (remove_network && docker_) {
    std::string failure;
    try {
      if (auto network = co_await docker_->inspect_network(kNetwork); network && network->driver == plugin::kMeshDriver)
        co_await docker_->remove_network(network->id);
    } catch (const Error& error) {
      failure = error.what();
    }
    if (!failure.empty()) warnings.push_back("unable to remove network: " + failure);
  }
  // Once the answer is out.
  if (!std::exchange(stop_asked_, true)) {
    auto soon = std::make_shared<asio::steady_timer>(io_, std::chrono::milliseconds(20));
    soon->async_wait([this, soon](boost::system::error_code) { on_stop_(); });
  }
  co_return warnings;
}

}  // namespace weave::router
