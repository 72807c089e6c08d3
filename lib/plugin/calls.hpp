// The handlers behind Driver, by subject. Internal to this library.
#pragma once
#include <memory>
#include <string>

#include "plugin/backend.hpp"
#include "plugin/messages.hpp"
#include "plugin/table.hpp"

namespace weave::plugin {

// One call in progress. After its deadline no client waits for the response: the handler undoes what it did.
struct Call {
  bool abandoned = false;
  // Throws Error when abandoned.
  void check() const;
};
using CallPtr = std::shared_ptr<Call>;

// Each handler returns the JSON text of the response and throws Error for a refusal.

class NetworkCalls {
 public:
  NetworkCalls(const Backend& backend, Table& table) : backend_(backend), table_(table) {}

  asio::awaitable<std::string> create_network(CreateNetwork request);
  asio::awaitable<std::string> delete_network(NetworkRef request);
  asio::awaitable<std::string> create_endpoint(CallPtr call, CreateEndpoint request);
  asio::awaitable<std::string> delete_endpoint(EndpointRef request);
  asio::awaitable<std::string> join(Join request);

 private:
  const Backend& backend_;
  Table& table_;
};

class IpamCalls {
 public:
  IpamCalls(const Backend& backend, Table& table) : backend_(backend), table_(table) {}

  asio::awaitable<std::string> request_pool(CallPtr call, RequestPool request);
  asio::awaitable<std::string> release_pool(ReleasePool request);
  asio::awaitable<std::string> request_address(CallPtr call, RequestAddress request);
  asio::awaitable<std::string> release_address(ReleaseAddress request);

 private:
  asio::awaitable<void> check_unused(Ipv4 address);

  const Backend& backend_;
  Table& table_;
};

// The record of a network with these user options; throws Error for an option value that can't be read.
Network network_from_options(const Options& options);

// What Go's ParseBool takes; empty means true, as for an option given without value. Throws Error naming the option.
bool option_flag(const std::string& name, const std::string& value);

}  // namespace weave::plugin
