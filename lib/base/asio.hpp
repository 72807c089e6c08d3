// Boost.Asio as this project uses it.
#pragma once
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace weave {

namespace asio = boost::asio;

// Completion token: co_await returns a tuple with the error code first, and doesn't throw.
inline constexpr auto kAsResult = asio::as_tuple(asio::use_awaitable);

}  // namespace weave
