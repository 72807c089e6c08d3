// Which containers are on the bridge: asked of Docker and the kernel, with or without a router.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <string>
#include <vector>

#include "control/api.hpp"
#include "docker/client.hpp"

namespace weave::router {

namespace asio = boost::asio;

// The container, if it runs and has a network of its own; throws Error otherwise (the texts are Weave Net's).
docker::Container attachable(docker::Container container);

// One entry an interface on the bridge: of the named containers (throws Error for an unknown one), or of all that run,
// in Docker's order. Blocking work goes to the pool. Needs root.
asio::awaitable<std::vector<control::Backend::Attached>> attached_containers(docker::Client& docker,
                                                                             asio::thread_pool& pool,
                                                                             std::string bridge,
                                                                             std::vector<std::string> words);

// The same for a command without router. Throws Error when the bridge isn't there.
std::vector<control::Backend::Attached> attached_blocking(const std::vector<std::string>& words,
                                                          const std::string& bridge = "weave");

}  // namespace weave::router
