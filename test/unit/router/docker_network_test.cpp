#include "router/docker_network.hpp"

#include <catch2/catch.hpp>

#include "unit/run.hpp"

using namespace weave;
using namespace weave::router;

namespace {

const Cidr kRange{Ipv4{0x0a200000}, 12};

struct Engine {
  asio::io_context io;
  std::optional<docker::Network> network;
  std::optional<docker::NewNetwork> created;
  std::vector<std::string> removed;
  std::optional<Error> failure;

  DockerNetwork::Docker docker() {
    DockerNetwork::Docker docker;
    docker.inspect = [this](std::string) -> asio::awaitable<std::optional<docker::Network>> {
      if (failure) throw *failure;
      co_return network;
    };
    docker.create = [this](docker::NewNetwork wanted) -> asio::awaitable<void> {
      created = std::move(wanted);
      co_return;
    };
    docker.remove = [this](std::string id) -> asio::awaitable<void> {
      removed.push_back(std::move(id));
      co_return;
    };
    return docker;
  }
  DockerNetwork weave{docker(), "weavemesh", kRange};

  void has(const std::string& driver, const std::string& subnet = "10.32.0.0/12") {
    network.emplace();
    network->id = "n1";
    network->driver = driver;
    network->subnets = {{.subnet = subnet, .range = {}, .gateway = {}}};
  }
  void ensure() { test::run(io, weave.ensure()); }
};

}  // namespace

TEST_CASE("a missing network is created with our driver and the default subnet") {
  Engine engine;
  engine.ensure();
  REQUIRE(engine.created);
  CHECK(engine.created->name == "weave");
  CHECK(engine.created->driver == "weavemesh");
  CHECK(engine.created->ipam_driver == "weavemesh");
  CHECK(engine.created->subnets.at(0).subnet == "10.32.0.0/12");
  CHECK(engine.weave.ready());
  CHECK(engine.weave.problem().empty());
}

TEST_CASE("a network with another socket's driver name is created with that name") {
  Engine engine;
  DockerNetwork other(engine.docker(), "wvmesh", kRange);
  test::run(engine.io, other.ensure());
  REQUIRE(engine.created);
  CHECK(engine.created->driver == "wvmesh");
}

TEST_CASE("a network that exists is left as it is") {
  Engine engine;
  engine.has("weavemesh");
  engine.ensure();
  CHECK_FALSE(engine.created);
  CHECK(engine.weave.ready());
  CHECK(engine.weave.problem().empty());
}

TEST_CASE("a network of another driver is a problem with a remedy") {
  Engine engine;
  engine.has("bridge");
  engine.ensure();
  CHECK_FALSE(engine.created);
  CHECK(engine.weave.problem() ==
        "Docker's network \"weave\" has the driver bridge, not weavemesh: remove it with 'docker network rm weave' and "
        "run 'weave launch-plugin' again");
}

TEST_CASE("a network with another subnet is a problem") {
  Engine engine;
  engine.has("weavemesh", "10.0.0.0/16");
  engine.ensure();
  CHECK_THAT(engine.weave.problem(), Catch::Contains("has the subnet 10.0.0.0/16, not 10.32.0.0/12"));
}

TEST_CASE("Docker that cannot be reached is a problem, and the network is not ready") {
  Engine engine;
  engine.failure = Error("connection refused");
  engine.ensure();
  CHECK(engine.weave.problem() == "cannot create Docker's network \"weave\": connection refused");
  CHECK_FALSE(engine.weave.ready());
}

TEST_CASE("a problem is gone when a later attempt succeeds") {
  Engine engine;
  engine.failure = Error("connection refused");
  engine.ensure();
  engine.failure.reset();
  engine.ensure();
  CHECK(engine.weave.problem().empty());
  CHECK(engine.weave.ready());
}

TEST_CASE("without IPAM no network is created") {
  Engine engine;
  DockerNetwork off(engine.docker(), "weavemesh", std::nullopt);
  test::run(engine.io, off.ensure());
  CHECK_FALSE(engine.created);
  CHECK_THAT(off.problem(), Catch::Contains("IP address allocation is off"));
}

TEST_CASE("members are containers only, of our network only") {
  Engine engine;
  engine.has("weavemesh");
  engine.network->containers = {{std::string(64, 'a'), {}}, {"ep-0123", {}}};
  CHECK(test::run(engine.io, engine.weave.members()) == std::vector<std::string>{std::string(64, 'a')});
  engine.network->driver = "bridge";
  CHECK(test::run(engine.io, engine.weave.members()).empty());
}

TEST_CASE("only a network of ours is removed") {
  Engine engine;
  engine.has("bridge");
  CHECK_FALSE(test::run(engine.io, engine.weave.remove()));
  CHECK(engine.removed.empty());
  engine.has("weavemesh");
  CHECK_FALSE(test::run(engine.io, engine.weave.remove()));
  CHECK(engine.removed == std::vector<std::string>{"n1"});
}

TEST_CASE("a network that cannot be removed is a warning") {
  Engine engine;
  engine.failure = Error("has active endpoints");
  CHECK(test::run(engine.io, engine.weave.remove()) == "unable to remove network: has active endpoints");
}
