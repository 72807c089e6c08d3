// The order in which a router ends its parts.
#pragma once
#include <functional>

#include "base/asio.hpp"

namespace weave::router {

// Each step ends one part; a part that was not started has nothing to do.
struct ShutDown {
  std::function<asio::awaitable<void>()> plugin;  // first, so that Docker asks for nothing new
  std::function<void()> api;
  std::function<void()> peers;     // closes the connections
  std::function<void()> datapath;  // after the peers: the end of their connections must not change the kernel's state
  std::function<asio::awaitable<void>()> names;
};

// Runs all steps, in the order of the fields. A failure is logged, and the next step runs.
asio::awaitable<void> run(ShutDown steps);

}  // namespace weave::router
