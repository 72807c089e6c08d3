#include "docker/client.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <ctime>

#include "base/log.hpp"

namespace weave::docker {
namespace {

using Clock = std::chrono::system_clock;
using Version = std::pair<int, int>;
constexpr Version kNewest{1, 47};  // the newest whose answers we have tests for

std::optional<Version> parse_version(std::string_view text) {
  Version out;
  const char* end = text.data() + text.size();
  auto [dot, error] = std::from_chars(text.data(), end, out.first);
  if (error != std::errc() || dot == end || *dot != '.') return std::nullopt;
  auto [stop, again] = std::from_chars(dot + 1, end, out.second);
  if (again != std::errc() || stop != end) return std::nullopt;
  return out;
}

// The `Date` of an answer, or our own clock.
Clock::time_point date_of(const http::Response& response) {
  auto found = response.headers.find("date");
  std::tm parts{};
  if (found == response.headers.end() || !::strptime(found->second.c_str(), "%a, %d %b %Y %H:%M:%S", &parts))
    return Clock::now();
  return Clock::from_time_t(::timegm(&parts));
}

template <class T>
T understood(const std::string& asked, Result<T> answer) {
  if (!answer) throw Error("docker: " + asked + ": " + answer.error());
  return std::move(*answer);
}

Error unreachable(const Error& error) {
  return Error(std::string("cannot reach Docker: ") + error.what(),
               error.hint().empty() ? "is the Docker daemon running, and is DOCKER_HOST right?" : error.hint());
}

}  // namespace

http::Address default_address() {
  const char* host = std::getenv("DOCKER_HOST");
  auto address = http::Address::parse(host && *host ? host : "unix:///var/run/docker.sock");
  const char* tls = std::getenv("DOCKER_TLS_VERIFY");
  if (!address) throw Error("DOCKER_HOST: " + address.error(), "unix:///path and tcp://ip:port are understood");
  if (tls && *tls && !address->is_unix())
    throw Error("DOCKER_TLS_VERIFY: TLS to the Docker daemon isn't supported", "use its unix socket");
  return *address;
}

std::string agreed_version(std::string_view daemon) {
  // Daemons that announce nothing are older than 1.25.
  auto version = std::min(parse_version(daemon).value_or(Version{1, 24}), kNewest);
  return fmt::format("{}.{}", version.first, version.second);
}

asio::awaitable<Clock::time_point> Client::ping() {
  http::Response answer;
  try {
    answer = co_await http::request(address_, {.target = "/_ping"}, timeout_);
  } catch (const Error& error) {
    throw unreachable(error);
  }
  if (answer.status != 200) throw ApiError("docker: ping: " + decode_error(answer.body), answer.status);
  auto version = answer.headers.find("api-version");
  version_ = agreed_version(version == answer.headers.end() ? "" : version->second);
  co_return date_of(answer);
}

asio::awaitable<void> Client::agree_on_version() {
  if (version_.empty()) co_await ping();
}

asio::awaitable<http::Response> Client::call(std::string method, std::string target, std::string body) {
  co_await agree_on_version();
  http::Request request{.method = std::move(method), .target = "/v" + version_ + target, .body = std::move(body)};
  if (!request.body.empty()) request.headers["content-type"] = "application/json";
  try {
    co_return co_await http::request(address_, std::move(request), timeout_);
  } catch (const Error& error) {
    // The next daemon at this address may be another version.
    version_.clear();
    throw unreachable(error);
  }
}

asio::awaitable<Container> Client::inspect_container(std::string id_or_name) {
  auto answer = co_await call("GET", "/containers/" + http::percent_encode(id_or_name) + "/json");
  if (answer.status == 404) throw NoSuchContainer(id_or_name);
  if (answer.status != 200) throw ApiError("docker: inspect: " + decode_error(answer.body), answer.status);
  co_return understood("inspect " + id_or_name, decode_container(answer.body));
}

asio::awaitable<std::vector<Listed>> Client::list_containers(bool running_only) {
  auto answer = co_await call("GET", running_only ? "/containers/json" : "/containers/json?all=1");
  if (answer.status != 200) throw ApiError("docker: list containers: " + decode_error(answer.body), answer.status);
  co_return understood("list containers", decode_container_list(answer.body));
}

asio::awaitable<std::vector<Network>> Client::list_networks() {
  auto answer = co_await call("GET", "/networks");
  if (answer.status != 200) throw ApiError("docker: list networks: " + decode_error(answer.body), answer.status);
  co_return understood("list networks", decode_network_list(answer.body));
}

asio::awaitable<std::optional<Network>> Client::inspect_network(std::string name_or_id) {
  auto answer = co_await call("GET", "/networks/" + http::percent_encode(name_or_id));
  if (answer.status == 404) co_return std::nullopt;
  if (answer.status != 200) throw ApiError("docker: inspect network: " + decode_error(answer.body), answer.status);
  co_return understood("inspect network " + name_or_id, decode_network(answer.body));
}

asio::awaitable<std::string> Client::create_network(NewNetwork network) {
  auto answer = co_await call("POST", "/networks/create", encode(network));
  if (answer.status != 201) throw ApiError("docker: create network: " + decode_error(answer.body), answer.status);
  co_return understood("create network " + network.name, decode_id(answer.body));
}

asio::awaitable<void> Client::remove_network(std::string id) {
  auto answer = co_await call("DELETE", "/networks/" + http::percent_encode(id));
  if (answer.status / 100 != 2) throw ApiError("docker: remove network: " + decode_error(answer.body), answer.status);
}

asio::awaitable<void> Client::events(int64_t since_nano, Filters filters, std::function<void(const Event&)> on_event,
                                     std::function<void()> on_open) {
  co_await agree_on_version();
  std::string target = "/v" + version_ + "/events?filters=" + http::percent_encode(encode_filters(filters));
  if (since_nano > 0) target += fmt::format("&since={}.{:09}", since_nano / 1'000'000'000, since_nano % 1'000'000'000);
  Lines lines;
  auto on_data = [&](std::string_view data) {
    for (const auto& line : lines.feed(data)) {
      if (auto event = decode_event(line))
        on_event(*event);
      else
        log::warning("docker: an event isn't understood: reason={}", event.error());
    }
  };
  co_await http::stream(address_, {.target = std::move(target)}, on_data, std::move(on_open));
}

asio::awaitable<void> watch(Client& client, std::function<void(const Event&)> on_event,
                            std::function<void()> on_connect) {
  using Steady = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds shortest{100}, longest{5000};
  auto pause = shortest;
  int64_t since = 0;
  auto guarded = [](const auto& callback) {
    try {
      callback();
    } catch (const std::exception& error) {
      log::error("docker: handling an event failed: reason={}", error.what());
    }
  };
  for (;;) {
    std::string reason = "the daemon ended the stream";
    std::optional<Steady::time_point> opened;
    try {
      auto now = co_await client.ping();
      // The daemon answers before it listens to itself: without a time, what happens in between would be lost.
      if (since == 0) since = std::chrono::nanoseconds(now.time_since_epoch()).count();
      co_await client.events(
          since, kContainersAndNetworks,
          [&](const Event& event) {
            since = std::max(since, event.time_nano + 1);
            guarded([&] { on_event(event); });
          },
          [&] {
            opened = Steady::now();
            guarded(on_connect);
          });
    } catch (const Error& error) {
      reason = error.what();
    }
    if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) co_return;
    if (opened && Steady::now() - *opened > longest) pause = shortest;
    log::warning("Docker's event stream is lost: retry_in={:g}s reason={}",
                 std::chrono::duration<double>(pause).count(), reason);
    asio::steady_timer timer(co_await asio::this_coro::executor, pause);
    co_await timer.async_wait(asio::use_awaitable);
    pause = std::min(pause * 2, longest);
  }
}

}  // namespace weave::docker
