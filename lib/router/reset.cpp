#include "router/reset.hpp"

#include <fmt/ranges.h>

#include <filesystem>

#include "base/failures.hpp"
#include "host/bridge.hpp"
#include "host/netlink.hpp"
#include "host/routes.hpp"
#include "migrate/weave_net.hpp"
#include "overlay/fastdp/io/datapath.hpp"
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
