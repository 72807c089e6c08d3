// The plugin server's process: Docker's drivers on their sockets, addresses by way of the router's control API.
#pragma once
#include <string>

#include "address/ipv4.hpp"
#include "base/log.hpp"
#include "http/http.hpp"
#include "plugin/server.hpp"

namespace weave::plugin {

struct ProcessConfig {
  SocketPaths sockets;
  std::string control_socket;  // of the router
  std::string store;           // path of the store's file
  std::string bridge = "weave";
  std::optional<Cidr> range, default_subnet;  // nothing: IPAM is off
  std::optional<http::Address> docker_api;    // nothing: no Docker to reconcile with
  log::Level log_level = log::Level::kInfo;
};

// The name under which Docker knows the plugin of a socket: /run/docker/plugins/NAME.sock.
std::string driver_name(const std::string& socket);

std::string to_json(const ProcessConfig& config);
ProcessConfig process_config_from_json(std::string_view text);

// The body of the process: binds the sockets, reports on `ready_fd` that it is ready, and serves until `life_fd` closes
// or SIGTERM arrives. Returns the exit status.
int run_process(const ProcessConfig& config, int ready_fd, int life_fd);

}  // namespace weave::plugin
