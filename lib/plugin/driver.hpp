// Docker's network driver and IPAM driver: one request in, one response out. Facts: Docker's remote driver and remote
// IPAM protocols; shapes of the answers, names and ids are Weave Net's.
#pragma once
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "http/http.hpp"
#include "plugin/backend.hpp"
#include "plugin/table.hpp"

namespace weave::plugin {

// Names of the drivers, which are the base names of their sockets.
inline constexpr std::string_view kGlobalDriver = "weave";    // network driver of global scope
inline constexpr std::string_view kMeshDriver = "weavemesh";  // network driver of local scope, and IPAM driver

class Driver {
 public:
  // `deadline`: a call that takes longer is answered with an error and its effects are undone, so that dockerd, which
  // has no timeout of its own, can't hang on us.
  explicit Driver(Backend backend, std::chrono::milliseconds deadline = std::chrono::seconds(12));
  ~Driver();
  Driver(const Driver&) = delete;

  // Reads the persisted state. To be called once, before the first handle(). Throws Error.
  asio::awaitable<void> load();

  // Handles a call to the driver of that name. Never throws for what a request contains: 404 for an unknown endpoint,
  // 400 with a text for a body that can't be decoded, 500 with {"Err": text} for a call that fails. Runs to its end
  // even if the client closes the connection, since dockerd doesn't report how it treats a call without response.
  asio::awaitable<http::Response> handle(std::string_view driver, http::Request request);

  // What is known now.
  const Table& table() const;

  // Texts for `weave status` about networks that don't work as the user may think; empty when all is well.
  std::vector<std::string> warnings() const;

  // Fills in a network that the plugin doesn't know (created under Weave Net, or in a lost state) from its user
  // options.
  asio::awaitable<void> learn_network(std::string id, std::map<std::string, std::string> options);

  // What Docker knows, for reconcile(): ids of networks of our drivers, ids of endpoints on them, and their addresses.
  struct Known {
    std::set<std::string> networks, endpoints;
    std::set<Ipv4> addresses;
  };
  // Gives back what Docker no longer knows: pairs and addresses of endpoints, forgotten networks and their
  // reservations. Only what was unknown in two looks in a row goes, and only what existed at the first look. Returns
  // what was removed, for the log.
  asio::awaitable<std::vector<std::string>> reconcile(Known known);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace weave::plugin
