#include "supervise/monitor.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

using namespace weave;
using namespace weave::supervise;

TEST_CASE("the configuration of the monitor passes its pipe") {
  auto config = monitor_config_from_json(to_json(MonitorConfig{"{\"port\":1}", false, 77}));
  CHECK(config.router == "{\"port\":1}");
  CHECK_FALSE(config.restart);
  CHECK(config.adopt == 77);
}

TEST_CASE("a configuration of the monitor that cannot be parsed is refused") {
  CHECK_THROWS_AS(monitor_config_from_json("{}"), Error);
}
