// The server of Docker's plugin as the router sees it: a supervised process, and Docker's network "weave".
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "control/api.hpp"
#include "control/metrics.hpp"
#include "control/report.hpp"
#include "plugin/process.hpp"
#include "router/docker_network.hpp"
#include "store/store.hpp"
#include "supervise/service.hpp"

namespace weave::router {

class PluginService {
 public:
  struct Config {
    plugin::ProcessConfig process;
    std::string launch;  // service id of this launch of the router
    bool docker = true;  // the router was launched with Docker
    bool dns = true;     // for the report
  };

  PluginService(asio::any_io_executor executor, Store& store, Config config, DockerNetwork::Docker docker);
  PluginService(const PluginService&) = delete;

  // The plugin ran when this launch's router crashed; then it is started again.
  bool ran_before() const { return !id_.empty() && !service_; }
  // Starts the server, unless it runs, and makes Docker's network. Returns the plugin's service id; throws Error.
  asio::awaitable<std::string> start(control::Backend::PluginStart options);
  // Starts the server that ran when this launch's router crashed, with its options. A server that cannot start yet is
  // tried again.
  asio::awaitable<void> start_again();
  // False when it was not running.
  asio::awaitable<bool> stop();
  // Ends the server with the router: the next router of this launch starts it again.
  asio::awaitable<void> shut_down();

  bool wanted() const { return service_ && service_->wanted(); }
  bool up() const { return !wanted() || service_->up(); }
  DockerNetwork& network() { return network_; }
  const DockerNetwork& network() const { return network_; }

  void report(control::Report& report) const;
  void count(control::Counters& counters) const;

 private:
  asio::awaitable<void> start_service(bool patient);
  void make_service();
  void load();
  void store() const;
  void forget();

  asio::any_io_executor executor_;
  Store& store_;
  Config config_;
  DockerNetwork network_;
  std::unique_ptr<supervise::Service> service_;
  UniqueFd life_;   // the server ends when this closes
  std::string id_;  // the plugin's service id; empty: it is not started
  control::Backend::PluginStart options_;
};

}  // namespace weave::router
