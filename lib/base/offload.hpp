// Runs blocking work (netlink, namespaces, iptables) outside of the control thread.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <type_traits>

#include "base/asio.hpp"

namespace weave {

// Runs `work` on the pool and returns what it returns, or throws what it throws. The work always runs to its end, also
// when the caller is cancelled meanwhile. What it uses must outlive it: capture by value, or use objects that live as
// long as the process.
template <class Work>
asio::awaitable<std::invoke_result_t<Work>> offload(asio::thread_pool& pool, Work work) {
  auto body = [](Work inner) -> asio::awaitable<std::invoke_result_t<Work>> { co_return inner(); };
  co_return co_await asio::co_spawn(pool, body(std::move(work)), asio::use_awaitable);
}

}  // namespace weave
