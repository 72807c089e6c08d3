#include "plugin/server.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "memory_backend.hpp"
#include "unit/temp_dir.hpp"

using namespace weave;
using namespace weave::plugin;

namespace {

asio::awaitable<std::string> ask(std::string path, std::string endpoint, std::string body, std::function<void()> then) {
  http::Address address;
  address.path = path;
  http::Request request;
  request.method = "POST";
  request.target = "/" + endpoint;
  request.headers["host"] = "";  // as Docker 20.10 sends it
  request.body = body;
  auto response = co_await http::request(address, request, std::chrono::seconds(5));
  then();
  co_return response.body;
}

}  // namespace

TEST_CASE("both drivers answer on their sockets, which are made and removed with the server") {
  test::TempDir directory;
  const SocketPaths paths{directory / "run/weave.sock", directory / "run/weavemesh.sock"};
  Memory memory;
  asio::io_context io;
  Driver driver(memory.backend());
  auto stop = [&] { io.stop(); };
  {
    Server server(io.get_executor(), driver, paths);
    CHECK(run(io, ask(paths.weave, "Plugin.Activate", "", stop)) == R"({"Implements":["NetworkDriver"]})");
    CHECK(run(io, ask(paths.weavemesh, "Plugin.Activate", "", stop)) ==
          R"({"Implements":["NetworkDriver","IpamDriver"]})");
    CHECK(run(io, ask(paths.weavemesh, "IpamDriver.RequestAddress", "", stop)) ==
          "Unable to decode JSON payload: EOF\n");
    CHECK((std::filesystem::status(paths.weavemesh).permissions() & std::filesystem::perms::all) ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  }
  CHECK_FALSE(std::filesystem::exists(paths.weave));
  CHECK_FALSE(std::filesystem::exists(paths.weavemesh));
}

TEST_CASE("an empty path is not served, and a socket in use is left alone") {
  test::TempDir directory;
  const SocketPaths paths{"", directory / "weavemesh.sock"};
  Memory memory;
  asio::io_context io;
  Driver driver(memory.backend());
  Server first(io.get_executor(), driver, paths);
  CHECK_THROWS_AS(Server(io.get_executor(), driver, paths), Error);
  CHECK(std::filesystem::exists(paths.weavemesh));
}
