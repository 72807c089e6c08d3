#include "router/shut_down.hpp"

#include <boost/asio/co_spawn.hpp>
#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "unit/run.hpp"

using namespace weave;
using namespace weave::router;

namespace {

struct Recorder {
  std::vector<std::string> ended;
  std::string fails;  // the part that throws

  void end(const std::string& part) {
    ended.push_back(part);
    if (part == fails) throw Error("cannot end");
  }
  ShutDown steps() {
    auto later = [this](std::string part) {
      return [this, part]() -> asio::awaitable<void> {
        end(part);
        co_return;
      };
    };
    auto now = [this](std::string part) { return [this, part] { end(part); }; };
    return {.plugin = later("plugin"),
            .api = now("api"),
            .peers = now("peers"),
            .datapath = now("datapath"),
            .names = later("names")};
  }
};

}  // namespace

TEST_CASE("a router ends plugin, API, peers, data path and names in this order") {
  asio::io_context io;
  Recorder recorder;
  test::run(io, run(recorder.steps()));
  CHECK(recorder.ended == std::vector<std::string>{"plugin", "api", "peers", "datapath", "names"});
}

TEST_CASE("a part that cannot be ended keeps no other one from ending") {
  asio::io_context io;
  Recorder recorder;
  recorder.fails = GENERATE("plugin", "api", "peers", "datapath", "names");
  test::run(io, run(recorder.steps()));
  CHECK(recorder.ended.size() == 5);
}
