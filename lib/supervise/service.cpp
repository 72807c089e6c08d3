#include "supervise/service.hpp"

#include <sys/wait.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>

#include "base/asio.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "supervise/backoff.hpp"
#include "supervise/ready.hpp"
#include "supervise/self.hpp"

namespace weave::supervise {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;
constexpr auto kGrace = 5000ms, kReadyLimit = 30000ms;

}  // namespace

Service::Service(asio::any_io_executor executor, std::string name, std::string subcommand, Hooks hooks)
    : executor_(executor),
      name_(std::move(name)),
      subcommand_(std::move(subcommand)),
      hooks_(std::move(hooks)),
      child_signal_(executor, SIGCHLD),
      wake_(executor) {}

std::string Service::state() const {
  if (up_) return "running";
  if (failure_.empty()) return "starting";
  auto ago = std::chrono::duration_cast<std::chrono::seconds>(Steady::now() - failure_at_).count();
  return fmt::format("restarting ({}, {} s ago)", failure_, ago);
}

asio::awaitable<void> Service::launch() {
  auto start = hooks_.prepare();
  Pipe ready;
  pid_ = spawn_self(subcommand_, start.config, {{kReadyFd, ready.write.get()}, {kLifeFd, start.life.get()}});
  ready.write.reset();
  start.life.reset();
  auto from = std::make_shared<asio::posix::stream_descriptor>(executor_, ready.read.release());
  asio::steady_timer limit(executor_, kReadyLimit);
  limit.async_wait([weak = std::weak_ptr(from)](boost::system::error_code error) {
    if (auto still = weak.lock(); still && !error) still->cancel();
  });
  std::string received;
  co_await asio::async_read(*from, asio::dynamic_buffer(received, 65536), kAsResult);
  limit.cancel();
  std::string failure, hint;
  try {
    parse_ready(name_, received);
    if (!wanted_) throw Error(fmt::format("the {} was stopped while it was starting", name_));
    up_ = true;
    up_at_ = Steady::now();
    since_ = std::chrono::system_clock::now();
    log::info("service is ready: service={} pid={}", name_, pid_);
    co_return;
  } catch (const Error& error) {
    failure = error.what();
    hint = error.hint();
  }
  // stop() may have collected the process meanwhile.
  if (pid_ != 0) ::kill(pid_, SIGKILL);
  co_await reaped();
  throw Error(failure, hint);
}

asio::awaitable<void> Service::reaped() {
  while (pid_ != 0) {
    int status = 0;
    pid_t got = ::waitpid(pid_, &status, WNOHANG);
    if (got == pid_ || (got < 0 && errno == ECHILD)) {
      ended(status);
      co_return;
    }
    // The signal may have been another child's; a lost signal costs a second.
    asio::steady_timer limit(executor_, 1s);
    limit.async_wait([&](boost::system::error_code error) {
      if (!error) child_signal_.cancel();
    });
    co_await child_signal_.async_wait(kAsResult);
    limit.cancel();
  }
}

void Service::ended(int status) {
  pid_ = 0;
  up_ = false;
  failure_ = fmt::format("exit {}", shell_status(status));
  failure_at_ = Steady::now();
}

asio::awaitable<void> Service::start() {
  wanted_ = true;
  failure_.clear();
  std::exception_ptr failure;
  try {
    co_await launch();
  } catch (...) {
    failure = std::current_exception();
    wanted_ = false;
  }
  if (failure) std::rethrow_exception(failure);
  hooks_.on_up();
  if (!std::exchange(supervised_, true)) asio::co_spawn(executor_, supervise(), asio::detached);
}

asio::awaitable<void> Service::start_or_retry() {
  std::string failure;
  try {
    co_await start();
    co_return;
  } catch (const Error& error) {
    failure = error.what();
  }
  log::warning("cannot start a service, trying again: service={} reason={}", name_, failure);
  wanted_ = true;
  failure_ = failure;
  failure_at_ = Steady::now();
  if (!std::exchange(supervised_, true)) asio::co_spawn(executor_, supervise(), asio::detached);
}

asio::awaitable<void> Service::supervise() {
  Backoff backoff(5s, 10s);
  while (wanted_) {
    std::chrono::nanoseconds lived{0};  // of a process that was up
    if (pid_ != 0) {
      co_await reaped();
      if (!wanted_) break;
      if (!hooks_.restarts()) {
        log::error("service has died: service={} reason={}", name_, failure_);
        wanted_ = false;
        break;
      }
      log::error("service has died, restarting it: service={} reason={}", name_, failure_);
      lived = Steady::now() - up_at_;
    }
    wake_.expires_after(backoff.next(lived));
    co_await wake_.async_wait(kAsResult);
    if (!wanted_) break;
    ++restarts_;
    try {
      co_await launch();
      if (wanted_) hooks_.on_up();
    } catch (const std::exception& error) {
      log::error("cannot start a service: service={} reason={}", name_, error.what());
      failure_ = error.what();
      failure_at_ = Steady::now();
    }
  }
  supervised_ = false;
}

asio::awaitable<void> Service::stop() {
  wanted_ = false;
  wake_.cancel();
  auto deadline = Steady::now() + kGrace;
  if (pid_ != 0) ::kill(pid_, SIGTERM);
  while (pid_ != 0 || supervised_) {
    if (pid_ != 0 && !supervised_) co_await reaped();
    if (pid_ != 0 && Steady::now() > deadline) ::kill(pid_, SIGKILL);
    if (pid_ == 0 && !supervised_) break;
    asio::steady_timer pause(executor_, 5ms);
    co_await pause.async_wait(kAsResult);
  }
  failure_.clear();
}

}  // namespace weave::supervise
