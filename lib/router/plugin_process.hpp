// The plugin server's process: Docker's drivers on their sockets, addresses by way of the router's control API.
#pragma once
#include <string>

#include "address/ipv4.hpp"
#include "base/log.hpp"
#include "http/http.hpp"
#include "plugin/server.hpp"

namespace weave::router {

struct PluginConfig {
  plugin::SocketPaths sockets;
  std::string control_socket;  // of the router
  std::string store;           // path of the store's file
  std::string bridge = "weave";
  std::optional<Cidr> range, default_subnet;  // nothing: IPAM is off
  std::optional<http::Address> docker_api;    // nothing: no Docker to reconcile with
  log::Level log_level = log::Level::kInfo;
};

std::string to_json(const PluginConfig& config);
PluginConfig plugin_config_from_json(std::string_view text);

// The body of the process: binds the sockets, says so on `ready_fd`, and serves until `life_fd` closes or SIGTERM
// comes. Returns the exit status.
int run_plugin(const PluginConfig& config, int ready_fd, int life_fd);

}  // namespace weave::router
