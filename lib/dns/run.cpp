// The DNS server process, from binding to the end of the feed.
#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "base/asio.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "dns/server.hpp"
#include "supervise/ready.hpp"

namespace weave::dns {

namespace {

using Socket = asio::local::stream_protocol::socket;
constexpr unsigned kNobody = 65534;

// Queries come from containers: an attacker who takes over this process must not get the host.
void drop_privileges() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) throw errno_error("cannot forbid new privileges");
  if (geteuid() != 0) return;
  if (setgroups(0, nullptr) != 0) throw errno_error("cannot give up root's groups");
  if (setresgid(kNobody, kNobody, kNobody) != 0) throw errno_error("cannot give up root's group");
  if (setresuid(kNobody, kNobody, kNobody) != 0) throw errno_error("cannot give up root");
}

asio::awaitable<void> send_status(Socket& feed, Server& server) {
  StatusEncoder encoder;
  std::optional<Status> sent;
  asio::steady_timer pause(feed.get_executor());
  for (;;) {
    auto now = server.status();
    if (now != sent) {
      auto bytes = encoder.encode(now);
      auto [code, count] = co_await asio::async_write(feed, asio::buffer(bytes), kAsResult);
      if (code) co_return;
      sent = std::move(now);
    }
    pause.expires_after(std::chrono::seconds(1));
    auto [cancelled] = co_await pause.async_wait(kAsResult);
    if (cancelled) co_return;
  }
}

// Returns when the router closes the feed; throws Error when the feed is broken.
asio::awaitable<void> follow(Socket& feed, Table& table, Server& server) {
  Bytes buffer(65536);
  bool started = false;
  for (;;) {
    auto [code, count] = co_await feed.async_read_some(asio::buffer(buffer), kAsResult);
    if (code) co_return;
    if (auto taken = table.push(ByteView(buffer).first(count)); !taken)
      throw Error("the feed of names is broken: " + taken.error());
    if (started || !table.ready()) continue;
    started = true;
    server.start();
  }
}

}  // namespace

int run_server(int feed_fd, int ready_fd, const Config& config) {
  UniqueFd feed_owner(feed_fd), ready(ready_fd);
  try {
    asio::io_context io(1);
    Table table;
    Server server(io.get_executor(), config, table.index());
    drop_privileges();
    Socket feed(io, asio::local::stream_protocol(), feed_owner.get());
    feed_owner.release();
    supervise::report_ready(ready);
    std::exception_ptr failure;
    asio::co_spawn(io, follow(feed, table, server), [&](std::exception_ptr error) {
      failure = error;
      io.stop();
    });
    asio::co_spawn(io, send_status(feed, server), [&](std::exception_ptr error) {
      if (error) failure = error;
    });
    io.run();
    if (failure) std::rethrow_exception(failure);
    return 0;
  } catch (const Error& error) {
    log::error("the DNS server has failed: reason={}", error.what());
    supervise::report_failure(ready, error);
  } catch (const std::exception& error) {
    log::error("the DNS server has failed: reason={}", error.what());
    supervise::report_failure(ready, error.what());
  }
  return 1;
}

}  // namespace weave::dns
