// A backend in memory with a simple allocator that is right: an address is given out once, lowest first.
#pragma once
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>

#include "plugin/driver.hpp"

namespace weave::plugin {

struct Memory {
  Cidr range = *Cidr::parse("10.32.0.0/12");
  std::set<Ipv4> used;
  std::map<std::string, Veth> veths;  // by endpoint
  std::vector<Cidr> routes;
  std::map<std::string, std::string> store;
  std::chrono::milliseconds delay{0};  // of allocate and create_veth
  std::string veth_failure;

  static asio::awaitable<void> wait(std::chrono::milliseconds time) {
    if (time.count() == 0) co_return;
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(asio::use_awaitable);
  }
  asio::awaitable<Cidr> allocate(Cidr subnet) {
    co_await wait(delay);
    for (Ipv4 at = subnet.host_range().start; at < subnet.host_range().end; at = at + 1)
      if (used.insert(at).second) co_return Cidr{at, subnet.prefix};
    throw Error("full");
  }
  asio::awaitable<Veth> create_veth(std::string endpoint, std::optional<Mac> mac) {
    co_await wait(delay);
    if (!veth_failure.empty()) throw Error(veth_failure);
    Veth veth{container_link(endpoint), host_link(endpoint), mac ? *mac : Mac{{2, 0, 0, 0, 0, 1}}};
    co_return veths[endpoint] = veth;
  }

  Backend backend() {
    Backend out;
    out.range = [this]() -> asio::awaitable<Cidr> { co_return range; };
    out.default_subnet = out.range;
    out.allocate = [this](std::string, Cidr subnet) { return allocate(subnet); };
    out.claim = [this](std::string, Cidr address) -> asio::awaitable<void> {
      used.insert(address.address);
      co_return;
    };
    out.release = [this](Ipv4 address) -> asio::awaitable<void> {
      used.erase(address);
      co_return;
    };
    out.create_veth = [this](std::string endpoint, std::optional<Mac> mac) { return create_veth(endpoint, mac); };
    out.delete_veth = [this](std::string endpoint) -> asio::awaitable<void> {
      veths.erase(endpoint);
      co_return;
    };
    out.link_exists = [this](std::string link) -> asio::awaitable<bool> {
      for (const auto& [endpoint, veth] : veths)
        if (veth.host == link) co_return true;
      co_return false;
    };
    out.host_routes = [this]() -> asio::awaitable<std::vector<Cidr>> { co_return routes; };
    out.persist = [this](std::string key, std::string json) -> asio::awaitable<void> {
      store[key] = json;
      co_return;
    };
    out.erase = [this](std::string key) -> asio::awaitable<void> {
      store.erase(key);
      co_return;
    };
    out.load_all = [this]() -> asio::awaitable<std::map<std::string, std::string>> { co_return store; };
    return out;
  }
};

// Runs an awaitable to its end on a loop of its own and returns its value.
template <class T>
T run(asio::io_context& io, asio::awaitable<T> task) {
  std::optional<T> value;
  std::exception_ptr failure;
  asio::co_spawn(io, std::move(task), [&](std::exception_ptr error, T result) {
    failure = error;
    if (!error) value = std::move(result);
  });
  io.restart();
  io.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(*value);
}
inline void run(asio::io_context& io, asio::awaitable<void> task) {
  std::exception_ptr failure;
  asio::co_spawn(io, std::move(task), [&](std::exception_ptr error) { failure = error; });
  io.restart();
  io.run();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace weave::plugin
