// The client against a small server that plays the daemon.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <thread>

#include "docker/client.hpp"
#include "docker/run_blocking.hpp"

using namespace weave;
using namespace weave::docker;
using namespace std::chrono_literals;
using http::Request, http::Response;

namespace {

// Plays a daemon: `answers` by "METHOD path", what it was asked in `asked`.
struct Daemon {
  explicit Daemon(std::string version) : server(start(std::move(version))) {}

  std::unique_ptr<http::Server> start(std::string version, http::Address address = {.host = "127.0.0.1"}) {
    return std::make_unique<http::Server>(
        context.get_executor(), address, [this, version](Request request) -> asio::awaitable<Response> {
          asked.push_back(request);
          if (request.target == "/_ping") {
            auto out = Response::text("OK");
            if (!version.empty()) out.headers["Api-Version"] = version;
            out.headers["Date"] = "Tue, 24 Nov 2026 07:00:00 GMT";
            co_return out;
          }
          auto found = answers.find(request.method + " " + std::string(request.path()));
          co_return found == answers.end() ? Response::json(R"({"message":"page not found"})", 404) : found->second;
        });
  }

  template <class T>
  T await(asio::awaitable<T> work) {
    T out{};
    std::exception_ptr failure;
    bool done = false;
    asio::co_spawn(context, std::move(work), [&](std::exception_ptr thrown, T value) {
      failure = thrown;
      out = std::move(value);
      done = true;
    });
    REQUIRE(run_until([&] { return done; }));
    if (failure) std::rethrow_exception(failure);
    return out;
  }
  asio::awaitable<bool> yes(asio::awaitable<void> work) {
    co_await std::move(work);
    co_return true;
  }

  bool run_until(const std::function<bool()>& done) {
    context.restart();
    for (auto end = std::chrono::steady_clock::now() + 10s; std::chrono::steady_clock::now() < end;) {
      if (done()) return true;
      context.run_one_for(50ms);
    }
    return false;
  }

  asio::io_context context;
  std::map<std::string, Response> answers;
  std::vector<Request> asked;
  std::unique_ptr<http::Server> server;
};

}  // namespace

TEST_CASE("the API version is the daemon's, up to the newest known one") {
  CHECK(agreed_version("1.41") == "1.41");
  CHECK(agreed_version("1.47") == "1.47");
  CHECK(agreed_version("1.52") == "1.47");
  CHECK(agreed_version("2.0") == "1.47");
  CHECK(agreed_version("1.9") == "1.9");
  CHECK(agreed_version("") == "1.24");
  CHECK(agreed_version("nonsense") == "1.24");
}

TEST_CASE("the version is asked for once, before the first call") {
  Daemon daemon("1.41");
  daemon.answers["GET /v1.41/networks"] = Response::json("[]");
  Client client(daemon.server->address());
  CHECK(daemon.await(client.list_networks()).empty());
  CHECK(daemon.await(client.list_networks()).empty());
  CHECK(client.version() == "1.41");
  REQUIRE(daemon.asked.size() == 3);
  CHECK(daemon.asked[0].target == "/_ping");
}

TEST_CASE("a missing container is an error of its own kind") {
  Daemon daemon("1.41");
  Client client(daemon.server->address());
  CHECK_THROWS_AS(daemon.await(client.inspect_container("a/b")), NoSuchContainer);
  CHECK_THROWS_WITH(daemon.await(client.inspect_container("x")), "No such container: x");
  CHECK(daemon.asked[1].target == "/v1.41/containers/a%2Fb/json");
  CHECK(!daemon.await(client.inspect_network("weave")));
}

TEST_CASE("a network is made and removed") {
  Daemon daemon("1.51");
  Client client(daemon.server->address());
  daemon.answers["POST /v1.47/networks/create"] = Response::json(R"({"Id":"abc","Warning":""})", 201);
  daemon.answers["DELETE /v1.47/networks/abc"] = Response{.status = 204};
  CHECK(daemon.await(client.create_network({.name = "weave", .driver = "weavemesh"})) == "abc");
  CHECK(daemon.asked.back().headers["content-type"] == "application/json");
  CHECK(daemon.asked.back().body == R"({"CheckDuplicate":true,"Driver":"weavemesh","Name":"weave"})");
  CHECK(daemon.await(daemon.yes(client.remove_network("abc"))));
  daemon.answers["POST /v1.47/networks/create"] =
      Response::json(R"({"message":"network with name weave already exists"})", 409);
  try {
    daemon.await(client.create_network({.name = "weave"}));
    FAIL("no error");
  } catch (const ApiError& error) {
    CHECK(error.status() == 409);
    CHECK(error.what() == std::string("docker: create network: network with name weave already exists"));
  }
}

TEST_CASE("a missing daemon is an error with a hint") {
  Client client({.path = "/nonexistent/docker.sock"});
  try {
    run_blocking(client.list_networks());
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.what() ==
          std::string("cannot reach Docker: GET /_ping on unix:///nonexistent/docker.sock: No such file or directory"));
    CHECK(!error.hint().empty());
  }
}

TEST_CASE("events are decoded, filtered and start at the given time; malformed ones are skipped") {
  Daemon daemon("1.41");
  Client client(daemon.server->address());
  daemon.answers["GET /v1.41/events"] = Response::json(
      R"({"Type":"container","Action":"start","Actor":{"ID":"c","Attributes":{"name":"n"}},"timeNano":17})"
      "\nnot json\n"
      R"({"Type":"network","Action":"connect","Actor":{"ID":"n","Attributes":{}},"timeNano":18})"
      "\n");
  std::vector<std::string> seen;
  bool opened = false;
  CHECK(daemon.await(daemon.yes(client.events(
      1'500'000'000, kContainersAndNetworks, [&](const Event& event) { seen.push_back(event.action + event.id); },
      [&] { opened = true; }))));
  CHECK(seen == std::vector<std::string>{"startc", "connectn"});
  CHECK(opened);
  CHECK(daemon.asked.back().field("since") == "1.500000000");
  CHECK(daemon.asked.back().field("filters") == R"({"type":["container","network"]})");
}

TEST_CASE("watch reconnects after a lost stream and a new daemon, and asks for missed events") {
  Daemon daemon("1.41");
  auto address = daemon.server->address();
  Client client(address);
  auto event = [](int64_t nano) {
    return Response::json(
        fmt::format(R"({{"Type":"container","Action":"start","Actor":{{"ID":"c","Attributes":{{}}}},"timeNano":{}}})"
                    "\n",
                    nano));
  };
  int64_t later = 1'900'000'000'000'000'000;
  daemon.answers["GET /v1.41/events"] = event(later);
  std::vector<int64_t> seen;
  int connected = 0;
  bool done = false;
  asio::cancellation_signal cancel;
  asio::co_spawn(daemon.context,
                 watch(
                     client,
                     [&](const Event& one) {
                       seen.push_back(one.time_nano);
                       throw std::runtime_error("a callback's failure doesn't end the watch");
                     },
                     [&] { ++connected; }),
                 asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr) { done = true; }));
  REQUIRE(daemon.run_until([&] { return connected == 1 && seen.size() == 1; }));
  // Nothing is known yet: from the daemon's clock on.
  CHECK(daemon.asked.back().field("since") == "1795503600.000000000");

  daemon.server.reset();
  daemon.server = daemon.start("1.52", address);
  daemon.answers["GET /v1.47/events"] = event(later + 5);
  REQUIRE(daemon.run_until([&] { return seen.size() == 2; }));
  CHECK(client.version() == "1.47");
  CHECK(daemon.asked.back().field("since") == "1900000000.000000001");
  CHECK(seen == std::vector<int64_t>{later, later + 5});
  CHECK(connected >= 2);
  CHECK(!done);
  cancel.emit(asio::cancellation_type::terminal);
  CHECK(daemon.run_until([&] { return done; }));
}

TEST_CASE("DOCKER_HOST is followed or refused with a reason") {
  auto with = [](const char* host) {
    host ? ::setenv("DOCKER_HOST", host, 1) : ::unsetenv("DOCKER_HOST");
    return default_address().str();
  };
  CHECK(with(nullptr) == "unix:///var/run/docker.sock");
  CHECK(with("tcp://127.0.0.1:2375") == "127.0.0.1:2375");
  CHECK_THROWS_WITH(with("ssh://host"), Catch::StartsWith("DOCKER_HOST: "));
  ::unsetenv("DOCKER_HOST");
}
