// For commands: run one coroutine to its end.
#pragma once
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <type_traits>

namespace weave::docker {

// Runs it on an event loop of its own, and returns or throws what it does. T must be default-constructible.
template <class T>
T run_blocking(boost::asio::awaitable<T> work) {
  boost::asio::io_context context(1);
  std::exception_ptr failure;
  if constexpr (std::is_void_v<T>) {
    boost::asio::co_spawn(context, std::move(work), [&](std::exception_ptr thrown) { failure = thrown; });
    context.run();
    if (failure) std::rethrow_exception(failure);
  } else {
    T out{};
    boost::asio::co_spawn(context, std::move(work), [&](std::exception_ptr thrown, T value) {
      failure = thrown;
      out = std::move(value);
    });
    context.run();
    if (failure) std::rethrow_exception(failure);
    return out;
  }
}

}  // namespace weave::docker
