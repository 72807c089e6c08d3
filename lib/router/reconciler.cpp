#include "router/reconciler.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/log.hpp"
#include "host/link_monitor.hpp"

namespace weave::router {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kInterval = 4s;
constexpr auto kSettle = 100ms;  // after a change: more changes follow
constexpr auto kBetweenEvents = 1s;

}  // namespace

void Reconciler::start() {
  monitor_.assign(host::link_monitor().release());
  asio::co_spawn(executor_, loop(), asio::detached);
  asio::co_spawn(executor_, watch_links(), asio::detached);
}

void Reconciler::stop() {
  stopped_ = true;
  timer_.cancel();
  boost::system::error_code ignored;
  monitor_.close(ignored);
}

void Reconciler::wake() {
  woken_ = true;
  timer_.cancel();
}

asio::awaitable<void> Reconciler::run(When when) {
  for (auto& entry : checks_) {
    if (stopped_) co_return;  // the owners end, too
    if (when == When::kEvents && entry.when != When::kEvents) continue;
    std::string failure;
    try {
      co_await entry.check();
    } catch (const std::exception& error) {
      failure = error.what();
    }
    if (!failure.empty() && failure != entry.failure)
      log::error("cannot restore what was removed from the host: kind=\"{}\" reason={}", entry.kind, failure);
    entry.failure = std::move(failure);
  }
}

asio::awaitable<void> Reconciler::loop() {
  auto full_at = Clock::now() + kInterval;
  while (!stopped_) {
    if (!woken_) {
      timer_.expires_at(full_at);
      co_await timer_.async_wait(kAsResult);
    }
    if (stopped_) co_return;
    auto when = woken_ ? When::kEvents : When::kTimer;
    if (when == When::kEvents) {
      timer_.expires_after(kSettle);
      co_await timer_.async_wait(kAsResult);
      if (stopped_) co_return;
    }
    if (Clock::now() >= full_at) {
      when = When::kTimer;
      full_at = Clock::now() + kInterval;
    }
    woken_ = false;
    co_await run(when);
  }
}

asio::awaitable<void> Reconciler::watch_links() {
  asio::steady_timer pause(executor_);
  while (!stopped_) {
    auto [code] = co_await monitor_.async_wait(asio::posix::stream_descriptor::wait_read, kAsResult);
    if (code || stopped_) co_return;
    host::drain(monitor_.native_handle());
    wake();
    pause.expires_after(kBetweenEvents);
    co_await pause.async_wait(kAsResult);
  }
}

}  // namespace weave::router
