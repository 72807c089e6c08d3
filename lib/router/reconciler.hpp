// Compares what weave wants on this host with what is there, every few seconds and soon after a change of links, and
// restores what others removed. Each kind is a check of its owner; host::Repairs keeps what was restored.
#pragma once
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/asio.hpp"

namespace weave::router {

class Reconciler {
 public:
  // Restores what is missing of one kind. May throw Error, which is logged; the next run tries again.
  using Check = std::function<asio::awaitable<void>()>;
  enum class When {
    kTimer,   // every 4 s
    kEvents,  // also when links, addresses or routes have changed, or wake() was called; at most once a second
  };

  explicit Reconciler(asio::any_io_executor executor) : executor_(executor), timer_(executor), monitor_(executor) {}
  Reconciler(const Reconciler&) = delete;

  void add(std::string kind, When when, Check check) { checks_.push_back({std::move(kind), when, std::move(check)}); }
  // Watches the calling thread's network namespace from now on, until stop(). This must outlive its executor's work.
  void start();
  void stop();
  void wake();

  // All checks, in the order in which they were added.
  asio::awaitable<void> run(When when = When::kTimer);

 private:
  struct Entry {
    std::string kind;
    When when;
    Check check;
    std::string failure;  // the last one, which is logged once
  };
  asio::awaitable<void> loop();
  asio::awaitable<void> watch_links();

  asio::any_io_executor executor_;
  asio::steady_timer timer_;
  asio::posix::stream_descriptor monitor_;
  std::vector<Entry> checks_;
  bool stopped_ = false, woken_ = false;
};

}  // namespace weave::router
