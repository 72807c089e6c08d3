#include "router/containers.hpp"

#include <boost/asio/post.hpp>
#include <catch2/catch.hpp>

#include "unit/run.hpp"
#include "unit/temp_dir.hpp"

using namespace weave;
using namespace weave::router;

namespace {

const std::string kId(64, 'a');
const Cidr kFirst{Ipv4{0x0a200001}, 12}, kSecond{Ipv4{0x0a200002}, 12};

// A host with one container; each function of the others is recorded, and can be made to fail.
struct Host {
  test::TempDir dir;
  asio::io_context io;
  Store store{dir / "weave.db"};
  names::Database database{PeerName{0x12d2fe7ac1f2}, "weave.local."};
  Registrar registrar{database, store, [](const names::Entries&) {}};

  docker::Container container;
  docker::Network network;
  std::vector<std::string> calls;
  std::set<Ipv4> held;
  std::vector<Cidr> on_interface;
  std::optional<Error> attach_failure;
  std::function<void()> while_inspecting = [] {};
  bool exists = true, dns = true;

  Host() {
    container.id = kId;
    container.name = "web1";
    container.running = true;
    container.pid = 7;
    network.driver = "weavemesh";
  }

  void note(std::string call) { calls.push_back(std::move(call)); }

  Containers::Docker docker() {
    Containers::Docker docker;
    docker.inspect_container = [this](std::string) -> asio::awaitable<docker::Container> {
      note("inspect");
      auto seen = container;
      auto there = exists;
      std::exchange(while_inspecting, [] {})();
      if (!there) throw docker::NoSuchContainer("No such container");
      co_return seen;
    };
    docker.inspect_network = [this](std::string) -> asio::awaitable<std::optional<docker::Network>> {
      co_return network;
    };
    docker.list_containers = []() -> asio::awaitable<std::vector<docker::Listed>> {
      co_return std::vector<docker::Listed>{
          {.id = kId, .name = "web1", .state = "running", .labels = {}, .networks = {}}};
    };
    return docker;
  }
  Containers::Addresses addresses() {
    Containers::Addresses addresses;
    addresses.allocate = [this](std::string, std::optional<Cidr>) -> asio::awaitable<std::optional<Cidr>> {
      note("allocate");
      held.insert(kFirst.address);
      co_return kFirst;
    };
    addresses.claim = [this](std::string, Cidr cidr) -> asio::awaitable<bool> {
      note("claim " + cidr.str());
      held.insert(cidr.address);
      co_return true;
    };
    addresses.release = [this](const std::string&, Ipv4 address) {
      note("release " + address.str());
      held.erase(address);
    };
    addresses.held = [this](const std::string&) { return held; };
    addresses.died = [this](const std::string&) { note("died"); };
    addresses.started = [this](const std::string&) { note("started"); };
    addresses.destroyed = [this](const std::string&) { note("destroyed"); };
    addresses.reconcile = [this](const auto& running, const auto&) {
      note(fmt::format("reconcile {}", running.size()));
    };
    return addresses;
  }
  Containers::Host kernel() {
    Containers::Host kernel;
    kernel.attach = [this](docker::Container, std::vector<Cidr> cidrs,
                           control::Backend::AttachRequest) -> asio::awaitable<void> {
      note("attach");
      if (attach_failure) throw *attach_failure;
      on_interface = std::move(cidrs);
      co_return;
    };
    kernel.detach = [this](docker::Container,
                           std::function<bool(const Cidr&)> wanted) -> asio::awaitable<std::vector<Cidr>> {
      std::vector<Cidr> removed;
      std::erase_if(on_interface, [&](const Cidr& cidr) {
        if (wanted(cidr)) removed.push_back(cidr);
        return wanted(cidr);
      });
      co_return removed;
    };
    kernel.attached = [this](int) -> asio::awaitable<std::vector<Cidr>> { co_return on_interface; };
    kernel.announce = [this](int) -> asio::awaitable<void> {
      note("announce");
      co_return;
    };
    return kernel;
  }

  Containers containers{
      io.get_executor(),
      store,
      {.domain = "weave.local.", .default_subnet = Cidr{Ipv4{0x0a200000}, 12}, .drivers = {"weavemesh"}},
      docker(),
      addresses(),
      kernel(),
      [this] { return dns ? &registrar : nullptr; }};

  std::vector<Cidr> attach(std::vector<std::string> words = {}, bool with_names = true) {
    control::Backend::AttachRequest request;
    request.container = "web1";
    request.addresses = std::move(words);
    request.names = with_names;
    return test::run(io, containers.attach(request));
  }
  std::vector<std::string> live_names() const {
    std::vector<std::string> list;
    for (const auto& entry : database.own_live_entries()) list.push_back(entry.hostname + " " + entry.address.str());
    return list;
  }
  // An event, and all that it causes.
  void event(const std::string& action) {
    containers.on_event({.type = "container", .action = action, .id = kId, .attributes = {}});
    io.restart();
    io.run();
  }
};

using Calls = std::vector<std::string>;
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("attach allocates, makes the interface, and registers the name") {
  Host host;
  CHECK(host.attach() == std::vector<Cidr>{kFirst});
  CHECK(host.calls == Calls{"inspect", "allocate", "attach"});
  CHECK(host.live_names() == Names{"web1.weave.local. 10.32.0.1"});
}

TEST_CASE("attach without names registers none, also after later events") {
  Host host;
  host.attach({}, false);
  host.event("start");
  CHECK(host.live_names().empty());
}

TEST_CASE("an attach that fails releases what it has allocated and claimed") {
  Host host;
  host.attach_failure = Error("no bridge");
  CHECK_THROWS_WITH(host.attach({"net:default", "10.32.0.2/12"}), "no bridge");
  CHECK(host.calls ==
        Calls{"inspect", "allocate", "claim 10.32.0.2/12", "attach", "release 10.32.0.1", "release 10.32.0.2"});
  CHECK(host.held.empty());
  CHECK(host.live_names().empty());
}

TEST_CASE("an attach that fails keeps the addresses that the container had before") {
  Host host;
  host.held.insert(kFirst.address);
  host.attach_failure = Error("no bridge");
  CHECK_THROWS_WITH(host.attach({"10.32.0.1/12", "10.32.0.2/12"}), "no bridge");
  CHECK(host.held == std::set<Ipv4>{kFirst.address});
}

TEST_CASE("a container that does not run is not attached") {
  Host host;
  host.container.running = false;
  CHECK_THROWS_WITH(host.attach(), "container " + kId + " not running");
  CHECK(host.held.empty());
}

TEST_CASE("a container in the host's network is not attached") {
  Host host;
  host.container.network_mode = "host";
  CHECK_THROWS_WITH(host.attach(), Catch::Contains("host network namespace"));
}

TEST_CASE("words that are no addresses are refused before Docker is asked") {
  Host host;
  CHECK_THROWS_AS(host.attach({"net:10.0.0.0"}), Error);
  CHECK(host.calls.empty());
}

TEST_CASE("detach releases the addresses and removes the names") {
  Host host;
  host.attach();
  CHECK(test::run(host.io, host.containers.detach("web1", {})) == std::vector<Cidr>{kFirst});
  CHECK(host.held.empty());
  CHECK(host.live_names().empty());
}

TEST_CASE("detach of one address keeps the others and their names") {
  Host host;
  host.attach({"10.32.0.1/12", "10.32.0.2/12"});
  CHECK(test::run(host.io, host.containers.detach("web1", {"10.32.0.1/12"})) == std::vector<Cidr>{kFirst});
  CHECK(host.held == std::set<Ipv4>{kSecond.address});
  CHECK(host.live_names() == Names{"web1.weave.local. 10.32.0.2"});
}

TEST_CASE("detach of a container without address is refused") {
  Host host;
  CHECK_THROWS_WITH(test::run(host.io, host.containers.detach("web1", {})), "web1 is not attached");
}

TEST_CASE("a container on our network is registered and announced when it starts") {
  Host host;
  host.container.networks["weave"] = {.network_id = "n1", .ip = "10.32.0.9"};
  host.event("start");
  CHECK(host.calls == Calls{"started", "inspect", "announce"});
  CHECK(host.live_names() == Names{"web1.weave.local. 10.32.0.9"});
}

TEST_CASE("a container on another driver's network is neither registered nor announced") {
  Host host;
  host.network.driver = "bridge";
  host.container.networks["other"] = {.network_id = "n1", .ip = "10.32.0.9"};
  host.event("start");
  CHECK(host.calls == Calls{"started", "inspect"});
  CHECK(host.live_names().empty());
}

TEST_CASE("an event during an inspection causes another one, and the first changes no names") {
  Host host;
  host.container.networks["weave"] = {.network_id = "n1", .ip = "10.32.0.9"};
  // The container dies while Docker answers with its state before.
  host.while_inspecting = [&] {
    host.container.running = false;
    host.containers.on_event({.type = "container", .action = "die", .id = kId, .attributes = {}});
  };
  host.event("start");
  CHECK(host.calls == Calls{"started", "inspect", "died", "announce", "inspect"});
  CHECK(host.live_names().empty());
}

TEST_CASE("many events during an inspection cause one more") {
  Host host;
  host.while_inspecting = [&] {
    for (int i = 0; i < 5; ++i)
      host.containers.on_event({.type = "container", .action = "rename", .id = kId, .attributes = {}});
  };
  host.event("rename");
  CHECK(host.calls == Calls{"inspect", "inspect"});
}

TEST_CASE("the names of a container that died are removed") {
  Host host;
  host.attach();
  host.container.running = false;
  host.event("die");
  CHECK(host.live_names().empty());
}

TEST_CASE("the names of a container that no longer exists are removed") {
  Host host;
  host.attach();
  host.exists = false;
  host.event("destroy");
  CHECK(host.live_names().empty());
}

TEST_CASE("events that change nothing for us cause no inspection") {
  Host host;
  host.event("exec_create");
  CHECK(host.calls.empty());
}

TEST_CASE("a container that joins a network is inspected") {
  Host host;
  host.containers.on_event({.type = "network", .action = "connect", .id = "n1", .attributes = {{"container", kId}}});
  host.io.run();
  CHECK(host.calls == Calls{"inspect"});
}

TEST_CASE("after a reconnection to Docker addresses and names are compared, and running containers inspected") {
  Host host;
  test::run(host.io, host.containers.reconcile());
  CHECK(host.calls == Calls{"reconcile 1", "inspect"});
}

TEST_CASE("containers are attached without DNS") {
  Host host;
  host.dns = false;
  CHECK(host.attach() == std::vector<Cidr>{kFirst});
  CHECK(test::run(host.io, host.containers.detach("web1", {})) == std::vector<Cidr>{kFirst});
}

TEST_CASE("a container runs unless it is stopped, restarting or gone") {
  Host host;
  CHECK(test::run(host.io, host.containers.runs("web1")));
  host.container.restarting = true;
  CHECK_FALSE(test::run(host.io, host.containers.runs("web1")));
  host.exists = false;
  CHECK_FALSE(test::run(host.io, host.containers.runs("web1")));
}
