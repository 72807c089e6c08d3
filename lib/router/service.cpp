#include "router/service.hpp"

#include <fcntl.h>
#include <sodium/randombytes.h>
#include <sys/wait.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>

#include "base/error.hpp"
#include "base/hex.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "router/offload.hpp"

namespace weave::router {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;
constexpr auto kAsResult = asio::as_tuple(asio::use_awaitable);
constexpr auto kShortest = 100ms, kLongest = 5000ms, kHealthy = 10000ms, kGrace = 5000ms, kReadyLimit = 30000ms;

std::string describe(int status) {
  if (WIFSIGNALED(status)) return fmt::format("exit {}", 128 + WTERMSIG(status));
  return fmt::format("exit {}", WEXITSTATUS(status));
}

}  // namespace

pid_t spawn_self(const std::string& subcommand, const std::string& config, std::vector<std::pair<int, int>> fds,
                 bool new_session) {
  Pipe pipe;
  // The whole configuration must fit: the child reads it only after we have returned.
  if (::fcntl(pipe.write.get(), F_SETPIPE_SZ, static_cast<int>(config.size() + 4096)) < 0 && config.size() > 65536)
    throw errno_error("cannot make room for a configuration");
  if (::write(pipe.write.get(), config.data(), config.size()) != static_cast<ssize_t>(config.size()))
    throw errno_error("cannot write a configuration");
  fds.emplace_back(kConfigFd, pipe.read.get());
  return spawn({.program = "/proc/self/exe",
                .arguments = {"weave", subcommand},
                .fds = std::move(fds),
                .new_session = new_session});
}

std::string understand_ready(const std::string& name, const std::string& said) {
  if (said.starts_with('R')) return said.substr(1);
  if (!said.starts_with('E')) throw Error(fmt::format("the {} ended before it was ready", name));
  auto end = said.find('\n');
  throw Error(said.substr(1, end - 1), end == said.npos ? "" : said.substr(end + 1));
}

std::string new_service_id() {
  std::array<uint8_t, 32> bytes;
  randombytes_buf(bytes.data(), bytes.size());
  return to_hex(bytes);
}

Service::Service(asio::any_io_executor executor, std::string name, std::string subcommand, Hooks hooks)
    : executor_(executor),
      name_(std::move(name)),
      subcommand_(std::move(subcommand)),
      hooks_(std::move(hooks)),
      child_signal_(executor, SIGCHLD),
      wake_(executor) {}

std::string Service::state() const {
  if (up_) return "running";
  if (trouble_.empty()) return "starting";
  auto ago = std::chrono::duration_cast<std::chrono::seconds>(Steady::now() - trouble_at_).count();
  return fmt::format("restarting ({}, {} s ago)", trouble_, ago);
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
  std::string said;
  co_await asio::async_read(*from, asio::dynamic_buffer(said, 65536), kAsResult);
  limit.cancel();
  std::string failure, hint;
  try {
    understand_ready(name_, said);
    up_ = true;
    up_at_ = Steady::now();
    since_ = std::chrono::system_clock::now();
    log::info("{} is ready: pid={}", name_, pid_);
    co_return;
  } catch (const Error& error) {
    failure = error.what();
    hint = error.hint();
  }
  ::kill(pid_, SIGKILL);
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
    // Another child's end may have been the signal; a lost one costs a second.
    asio::steady_timer patience(executor_, 1s);
    patience.async_wait([&](boost::system::error_code error) {
      if (!error) child_signal_.cancel();
    });
    co_await child_signal_.async_wait(kAsResult);
    patience.cancel();
  }
}

void Service::ended(int status) {
  pid_ = 0;
  up_ = false;
  trouble_ = describe(status);
  trouble_at_ = Steady::now();
}

asio::awaitable<void> Service::start() {
  wanted_ = true;
  trouble_.clear();
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
  log::warning("{} can't start, trying again: reason={}", name_, failure);
  wanted_ = true;
  trouble_ = failure;
  trouble_at_ = Steady::now();
  if (!std::exchange(supervised_, true)) asio::co_spawn(executor_, supervise(), asio::detached);
}

asio::awaitable<void> Service::supervise() {
  auto pause = kShortest;
  while (wanted_) {
    if (pid_ != 0) {
      co_await reaped();
      if (!wanted_) break;
      log::error("{} has died, starting it again: reason={}", name_, trouble_);
      if (Steady::now() - up_at_ > kHealthy) pause = kShortest;
    }
    wake_.expires_after(pause);
    co_await wake_.async_wait(kAsResult);
    pause = std::min<std::chrono::milliseconds>(pause * 2, kLongest);
    if (!wanted_) break;
    ++restarts_;
    try {
      co_await launch();
      if (wanted_) hooks_.on_up();
    } catch (const std::exception& error) {
      log::error("{} can't start: reason={}", name_, error.what());
      trouble_ = error.what();
      trouble_at_ = Steady::now();
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
  trouble_.clear();
}

}  // namespace weave::router
