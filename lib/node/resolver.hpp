// Names of hosts to addresses, without glibc's getaddrinfo, which a static binary doesn't have.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "mesh/endpoint.hpp"

namespace weave::mesh {

namespace asio = boost::asio;

struct ResolverConfig {
  std::string servers;                      // host[:port],...; empty: those of /etc/resolv.conf as of each question
  std::chrono::milliseconds timeout{5000};  // for the whole question
};

// The addresses of a host, IPv4 first, each once: from /etc/hosts, or from DNS. An IP address stands for itself. The
// reason of a refusal is fit for people: "cannot resolve <host>: <why>".
asio::awaitable<Result<std::vector<Ip>>> resolve(std::string host, ResolverConfig config);

}  // namespace weave::mesh
