#include "router/plugin_service.hpp"

#include <filesystem>

#include "base/log.hpp"
#include "control/client.hpp"
#include "router/options.hpp"
#include "supervise/self.hpp"

namespace weave::router {
namespace {

constexpr const char* kKey = "plugin";  // "<service id of the launch> <service id of the plugin>"

}  // namespace

std::string driver_name(const std::string& socket) {
  return std::filesystem::path(socket).stem().string();
}

PluginService::PluginService(asio::any_io_executor executor, Store& store, Config config, DockerNetwork::Docker docker)
    : executor_(executor),
      store_(store),
      config_(std::move(config)),
      network_(std::move(docker), driver_name(config_.process.sockets.weavemesh), config_.process.default_subnet) {
  auto stored = store_.get(kRouterTable, kKey).value_or("");
  if (stored.starts_with(config_.launch + " ")) id_ = stored.substr(config_.launch.size() + 1);
}

asio::awaitable<std::string> PluginService::start(bool patient) {
  if (!config_.docker) throw Error("the plugin needs Docker, and weave was launched without it");
  if (wanted()) co_return id_;
  if (!service_) {
    service_ = std::make_unique<supervise::Service>(
        executor_, "plugin", "plugin-server", supervise::Service::Hooks{.prepare = [this] {
          SocketPair pair;
          life_ = std::move(pair.ours);
          return supervise::Service::Start{to_json(config_.process), std::move(pair.theirs)};
        }});
  }
  if (id_.empty()) id_ = supervise::new_service_id();
  network_.forget();
  if (patient)
    co_await service_->start_or_retry();
  else
    co_await service_->start();
  store_.put(kRouterTable, kKey, config_.launch + " " + id_);
  log::info("the plugin has started: service={}", id_);
  co_await network_.ensure();
  co_return id_;
}

asio::awaitable<bool> PluginService::stop() {
  if (!wanted()) co_return false;
  co_await service_->stop();
  id_.clear();
  store_.erase(kRouterTable, kKey);
  co_return true;
}

asio::awaitable<void> PluginService::shut_down() {
  if (service_) co_await service_->stop();
}

void PluginService::report(control::Report& report) const {
  if (!wanted()) return;
  control::Plugin plugin;
  plugin.socket = config_.process.sockets.weave;
  plugin.mesh_socket = config_.process.sockets.weavemesh;
  plugin.dns = config_.dns;
  if (config_.process.default_subnet) plugin.default_subnet = config_.process.default_subnet->str();
  plugin.driver_name = driver_name(plugin.socket);
  plugin.mesh_driver_name = driver_name(plugin.mesh_socket);
  plugin.service_id = id_;
  plugin.state = service_->state();
  plugin.since = service_->since();
  report.plugin = std::move(plugin);
}

void PluginService::count(control::Counters& counters) const {
  if (!wanted()) return;
  counters.services_up["plugin"] = service_->up();
  counters.service_restarts["plugin"] = service_->restarts();
}

}  // namespace weave::router
