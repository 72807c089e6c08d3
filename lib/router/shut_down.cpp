#include "router/shut_down.hpp"

#include "base/error.hpp"
#include "base/log.hpp"

namespace weave::router {
namespace {

void failed(const char* part, const std::exception& error) {
  log::error("cannot end a part of the router: part={} reason={}", part, error.what());
}

void step(const char* part, const std::function<void()>& end) {
  try {
    end();
  } catch (const std::exception& error) {
    failed(part, error);
  }
}

asio::awaitable<void> step(const char* part, const std::function<asio::awaitable<void>()>& end) {
  try {
    co_await end();
  } catch (const std::exception& error) {
    failed(part, error);
  }
}

}  // namespace

asio::awaitable<void> run(ShutDown steps) {
  co_await step("plugin", steps.plugin);
  step("api", steps.api);
  step("peers", steps.peers);
  step("datapath", steps.datapath);
  co_await step("names", steps.names);
}

}  // namespace weave::router
