// Docker's network "weave": made when the plugin starts, so that `docker run --net=weave` works at once.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "address/ipv4.hpp"
#include "base/asio.hpp"
#include "docker/types.hpp"

namespace weave::router {

inline constexpr const char* kNetworkName = "weave";

class DockerNetwork {
 public:
  // What it needs of Docker; each throws Error when Docker can't be reached or refuses.
  struct Docker {
    std::function<asio::awaitable<std::optional<docker::Network>>(std::string name_or_id)> inspect;
    std::function<asio::awaitable<void>(docker::NewNetwork)> create;
    std::function<asio::awaitable<void>(std::string id)> remove;
  };

  // `driver`: the name under which Docker knows our plugin's mesh socket; empty: there is none, and so no network.
  // `subnet`: nothing when IPAM is off.
  DockerNetwork(Docker docker, std::string driver, std::optional<Cidr> subnet)
      : docker_(std::move(docker)), driver_(std::move(driver)), subnet_(subnet) {}

  // Makes the network unless there is one. Never throws Error: what is wrong is in problem().
  asio::awaitable<void> ensure();
  // The network has been made or found, and neither forget() nor remove() was called since.
  bool ready() const { return ready_; }
  void forget() { ready_ = false; }
  // Why Docker has no network "weave" of ours, as a sentence; empty: it has one, or that isn't known yet.
  const std::string& problem() const { return problem_; }

  // Ids of the containers on the network; none without Docker or network.
  asio::awaitable<std::vector<std::string>> members();
  // Removes the network. Returns a warning when that fails.
  asio::awaitable<std::optional<std::string>> remove();

 private:
  asio::awaitable<std::optional<docker::Network>> ours();

  Docker docker_;
  std::string driver_;
  std::optional<Cidr> subnet_;
  bool ready_ = false;
  std::string problem_;
};

}  // namespace weave::router
