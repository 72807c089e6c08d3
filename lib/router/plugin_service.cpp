#include "router/plugin_service.hpp"

#include "base/log.hpp"
#include "base/text.hpp"
#include "control/client.hpp"
#include "router/store_table.hpp"
#include "supervise/self.hpp"

namespace weave::router {
namespace {

// "<service id of the launch> <service id of the plugin>", and the options that are not the defaults: the level of the
// log, "no-restart".
constexpr const char* kKey = "plugin";
constexpr const char* kNoRestart = "no-restart";

}  // namespace

PluginService::PluginService(asio::any_io_executor executor, Store& store, Config config, DockerNetwork::Docker docker)
    : executor_(executor),
      store_(store),
      config_(std::move(config)),
      network_(std::move(docker), plugin::driver_name(config_.process.sockets.weavemesh),
               config_.process.default_subnet) {
  load();
}

void PluginService::load() {
  auto words = split(store_.get(kRouterTable, kKey).value_or(""), ' ');
  if (words.size() < 2 || words[0] != config_.launch) return;
  id_ = words[1];
  for (size_t i = 2; i < words.size(); ++i) {
    if (words[i] == kNoRestart)
      options_.restart = false;
    else
      options_.log_level = log::parse_level(words[i]);
  }
}

void PluginService::store() const {
  auto text = config_.launch + " " + id_;
  if (options_.log_level) text += fmt::format(" {}", log::level_name(*options_.log_level));
  if (!options_.restart) text += fmt::format(" {}", kNoRestart);
  store_.put(kRouterTable, kKey, text);
}

void PluginService::forget() {
  id_.clear();
  store_.erase(kRouterTable, kKey);
}

void PluginService::make_service() {
  supervise::Service::Hooks hooks;
  hooks.prepare = [this] {
    SocketPair pair;
    life_ = std::move(pair.ours);
    auto process = config_.process;
    process.log_level = options_.log_level.value_or(process.log_level);
    return supervise::Service::Start{to_json(process), std::move(pair.theirs)};
  };
  hooks.restarts = [this] {
    if (!options_.restart) forget();
    return options_.restart;
  };
  service_ = std::make_unique<supervise::Service>(executor_, "plugin", "plugin-server", std::move(hooks));
}

asio::awaitable<std::string> PluginService::start(control::Backend::PluginStart options) {
  if (wanted()) co_return id_;
  options_ = options;
  co_await start_service(false);
  co_return id_;
}

asio::awaitable<void> PluginService::start_again() {
  return start_service(true);
}

asio::awaitable<void> PluginService::start_service(bool patient) {
  if (!config_.docker) throw Error("the plugin needs Docker, and weave was launched without it");
  if (!service_) make_service();
  if (id_.empty()) id_ = supervise::new_service_id();
  network_.forget();
  if (patient)
    co_await service_->start_or_retry();
  else
    co_await service_->start();
  store();
  log::info("the plugin has started: service={}", id_);
  co_await network_.ensure();
}

asio::awaitable<bool> PluginService::stop() {
  if (!wanted()) co_return false;
  co_await service_->stop();
  forget();
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
  plugin.driver_name = weave::plugin::driver_name(plugin.socket);
  plugin.mesh_driver_name = weave::plugin::driver_name(plugin.mesh_socket);
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
