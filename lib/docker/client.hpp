// A client of the Docker Engine API.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <optional>

#include "docker/types.hpp"
#include "http/http.hpp"

namespace weave::docker {

namespace asio = boost::asio;

// Where Docker listens: DOCKER_HOST (unix:// or tcp://), else unix:///var/run/docker.sock. Throws Error when
// DOCKER_HOST names something that we can't speak to.
http::Address default_address();

// Docker answered, but not with what was asked for. The message is the daemon's.
class ApiError : public Error {
 public:
  ApiError(const std::string& message, int status) : Error(message), status_(status) {}
  // The HTTP status: 404 nothing there, 409 conflict, ...
  int status() const noexcept { return status_; }

 private:
  int status_;
};

class NoSuchContainer : public ApiError {
 public:
  explicit NoSuchContainer(const std::string& name) : ApiError("No such container: " + name, 404) {}
};

using Filters = std::map<std::string, std::vector<std::string>>;

// The filters that events() and watch() are made for.
inline const Filters kContainersAndNetworks = {{"type", {"container", "network"}}};

// One connection a call. The API version is agreed upon with the first call: the daemon's, at most 1.47. Must outlive
// the calls. Every call throws Error when Docker can't be reached or understood, and ApiError when it refuses.
class Client {
 public:
  explicit Client(http::Address address = default_address(),
                  std::chrono::milliseconds timeout = std::chrono::seconds(60))
      : address_(std::move(address)), timeout_(timeout) {}

  const http::Address& address() const { return address_; }
  // The agreed API version, such as "1.41"; empty before the first call.
  const std::string& version() const { return version_; }

  // Asks whether Docker is there and agrees on the API version anew. Returns the daemon's clock (to the second).
  asio::awaitable<std::chrono::system_clock::time_point> ping();

  // By id, unique beginning of an id, or name. Throws NoSuchContainer. While a container starts, Docker holds the
  // answer back until it has started: don't call it inside a plugin call that Docker waits for.
  asio::awaitable<Container> inspect_container(std::string id_or_name);
  asio::awaitable<std::vector<Listed>> list_containers(bool running_only = true);

  // Without members (`containers`).
  asio::awaitable<std::vector<Network>> list_networks();
  // Nothing when there is no such network.
  asio::awaitable<std::optional<Network>> inspect_network(std::string name_or_id);
  // Returns the new network's id.
  asio::awaitable<std::string> create_network(NewNetwork network);
  asio::awaitable<void> remove_network(std::string id);

  // Hands over events until the daemon ends the stream (returns) or it breaks (throws). `since_nano`: also events of
  // the past (the daemon keeps a few hundred) from this time on, on the daemon's clock; 0: none. `on_open` is called
  // when the stream is established. An event that isn't understood is logged and left out.
  asio::awaitable<void> events(int64_t since_nano, Filters filters, std::function<void(const Event&)> on_event,
                               std::function<void()> on_open = {});

 private:
  asio::awaitable<http::Response> call(std::string method, std::string target, std::string body = {});
  asio::awaitable<void> agree_on_version();

  http::Address address_;
  std::chrono::milliseconds timeout_;
  std::string version_;
};

// Passes on container and network events without end, across restarts of the daemon; ends when cancelled. `on_connect`
// is called whenever a stream is established, also the first: the caller then reconciles what it knows with what Docker
// says, because events may have been lost in between. Events may come twice. What a callback throws is logged.
asio::awaitable<void> watch(Client& client, std::function<void(const Event&)> on_event,
                            std::function<void()> on_connect);

// The API version to speak with a daemon that announces `daemon` ("" when it doesn't).
std::string agreed_version(std::string_view daemon);

}  // namespace weave::docker
