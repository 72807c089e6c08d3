#include "control/client.hpp"

#include <unistd.h>

#include <thread>

#include "golden.hpp"
#include "memory_backend.hpp"
#include "unit/temp_dir.hpp"

using namespace weave;
using namespace weave::control;

namespace {

// A control API on a unix socket, served by a thread of its own.
struct Served {
  test::TempDir directory;
  MemoryBackend backend;
  Routes routes{backend};
  asio::io_context context;
  http::Server server{context.get_executor(), *http::Address::parse(directory / "c.sock"),
                      routes.handler(Door::kSocket)};
  std::thread thread{[this] { context.run(); }};
  ~Served() {
    context.stop();
    thread.join();
  }
};

}  // namespace

TEST_CASE("the client and the routes understand each other over a socket") {
  Served served;
  Client client(served.server.address());
  CHECK(client.running());
  CHECK(client.ask("POST", "/ip/" + http::percent_encode("weave:expose")) == "10.32.0.1/12");
  CHECK(client.ask("POST", "/connect", {{"peer", "192.168.48.99"}, {"replace", "true"}}).empty());
  CHECK(client.ask("GET", "/status/targets") == "192.168.48.99\n");
  CHECK(from_json(client.report()).router.targets.size() == 1);
  CHECK(client.call("GET", "/nosuch").status == 404);
  CHECK(client.call("HEAD", "/metrics").status == 200);
  CHECK_THROWS_WITH(client.ask("DELETE", "/ip/nobody"), "Delete: no addresses for nobody");
  CHECK(has_outcome(client.call("DELETE", "/ip/nobody"), kNoAddress));
  CHECK_THROWS_WITH(client.ask("POST", "/connect", {{"peer", ":1"}}),
                    "invalid peer name \":1\", should be host[:port]");
  CHECK(client.ask("GET", "/healthz") == "starting\n");
}

TEST_CASE("without a router the client throws an error with a hint") {
  test::TempDir directory;
  for (auto address : {directory / "none.sock", std::string("127.0.0.1:1")}) {
    Client client(*http::Address::parse(address));
    CHECK_FALSE(client.running());
    try {
      client.ask("GET", "/status");
      FAIL("no error");
    } catch (const Error& error) {
      CHECK(std::string(error.what()) == "weave is not running");
      CHECK(error.hint() == "start it with 'weave launch'");
    }
  }
}
