#include "router/reset.hpp"

#include <fmt/ranges.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <set>

#include "base/asio.hpp"
#include "base/failures.hpp"
#include "docker/client.hpp"
#include "host/bridge.hpp"
#include "host/netlink.hpp"
#include "host/routes.hpp"
#include "migrate/weave_net.hpp"
#include "overlay/fastdp/io/datapath.hpp"
#include "plugin/process.hpp"
#include "router/last_launch.hpp"
#include "router/launch.hpp"
#include "supervise/lock.hpp"

namespace weave::router {
namespace {

namespace fs = std::filesystem;

uint16_t tcp_port_of(const std::optional<ServiceAddress>& address) {
  return address && !address->is_unix() ? address->port : 0;
}

void remove_path(const std::string& path) {
  std::error_code code;
  fs::remove_all(path, code);
  if (code) throw errno_error("cannot remove " + path, code.value());
}

// Answers Docker in place of the plugin, so that it doesn't wait for one while it removes a network.
asio::awaitable<http::Response> answer_docker(http::Request request) {
  if (request.path() == "/Plugin.Activate")
    co_return http::Response::json(R"({"Implements":["NetworkDriver","IpamDriver"]})");
  co_return http::Response::json("{}");
}

// Removes Docker's networks of our drivers. Throws Error for those that containers are on.
void remove_docker_networks(const settings::Settings& settings) {
  if (!settings.docker) return;
  asio::io_context io;
  docker::Client docker(settings.docker_api, std::chrono::seconds(10));
  Failures failures;
  std::exception_ptr ended;
  auto work = [&]() -> asio::awaitable<void> {
    std::set<std::string> drivers;
    std::vector<std::unique_ptr<http::Server>> servers;
    for (const auto& socket : {settings.plugin_socket, settings.plugin_mesh_socket})
      if (!socket.empty()) drivers.insert(plugin::driver_name(socket));
    std::vector<docker::Network> ours;
    try {
      co_await docker.ping();
    } catch (const Error&) {
      co_return;  // without Docker there is nothing to do
    }
    for (auto& network : co_await docker.list_networks())
      if (drivers.contains(network.driver)) ours.push_back(std::move(network));
    if (ours.empty()) co_return;
    for (const auto& socket : {settings.plugin_socket, settings.plugin_mesh_socket})
      if (!socket.empty())
        servers.push_back(std::make_unique<http::Server>(io.get_executor(), http::Address{.path = socket, .host = {}},
                                                         answer_docker, 0600));
    for (const auto& network : ours) {
      std::string failure;
      try {
        co_await docker.remove_network(network.id);
      } catch (const Error& error) {
        failure = error.what();
      }
      if (!failure.empty())
        failures.attempt([&] { throw Error(fmt::format("Docker's network {} stays: {}", network.name, failure)); });
    }
  };
  asio::co_spawn(io, work(), [&](std::exception_ptr error) {
    ended = error;
    io.stop();
  });
  io.run();
  if (ended) std::rethrow_exception(ended);
  failures.throw_if_any();
}

}  // namespace

host::FirewallConfig firewall_config(const settings::Settings& settings) {
  host::FirewallConfig config;
  config.bridge = settings.bridge;
  config.port = settings.port;
  config.control_port = tcp_port_of(settings.http_addr);
  if (auto address = host::docker_bridge_address(settings.docker_bridge))
    config.docker_bridge = {settings.docker_bridge, *address};
  if (settings.dns) config.dns_interfaces = {"docker_gwbridge"};
  return config;
}

bool has_state(const std::string& state_dir) {
  std::error_code ignored;
  return fs::exists(state_dir + "/weave.db", ignored) ||
         host::Netlink().find_link(last_launch_or_defaults(state_dir).bridge);
}

void remove_everything(const std::string& state_dir) {
  Failures failures;
  auto settings = last_launch_or_defaults(state_dir);
  failures.attempt([&] { remove_docker_networks(settings); });
  failures.attempt([&] {
    auto config = firewall_config(settings);
    // Rules of an earlier launch with DNS may be there, too.
    config.dns_interfaces = {"docker_gwbridge"};
    host::Firewall(host::Iptables::of_docker(), config).uninstall();
  });
  failures.attempt([] { overlay::FastDatapath::remove(); });
  failures.attempt([&] { host::remove_bridge(settings.bridge); });
  for (const auto& socket : {settings.plugin_socket, settings.plugin_mesh_socket})
    if (!socket.empty()) failures.attempt([&] { remove_path(socket); });
  for (auto file : {"weave.db", "weave.db-wal", "weave.db-shm", "weave.db-journal"})
    failures.attempt([&] { remove_path(state_dir + "/" + file); });
  failures.attempt([] { migrate::put_away_weave_net({}); });
  for (const auto& path : {std::string(supervise::kRunDirectory), std::string(kLogFile), std::string(kLogFile) + ".1"})
    failures.attempt([&] { remove_path(path); });
  failures.throw_if_any();
}

}  // namespace weave::router
