// The host's state in a network namespace of its own. The pool's thread is made there, too, and so works in it.
#include "router/host_state.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "base/process.hpp"
#include "host/attach.hpp"
#include "host/expose.hpp"
#include "host/netns.hpp"
#include "unit/run.hpp"

using namespace weave;
using namespace weave::router;

namespace {

const Cidr kExposed{Ipv4{0x0a200005}, 12};

struct Fixture {
  asio::io_context io;
  asio::thread_pool pool{1};
  std::vector<Cidr> ranges;
  host::Repairs repairs;
  HostState host{
      pool, repairs,
      HostState::Config{.bridge = {.name = "wt", .mac = Mac{{2, 0, 0, 0, 0, 1}}, .mtu = 1400, .docker_bridge = ""},
                        .firewall = {.bridge = "wt"},
                        .unmasqueraded = [this] { return ranges; }}};

  void prepare() { test::run(io, host.prepare()); }
  static bool has_bridge() { return host::Netlink().find_link("wt").has_value(); }
  static std::string rules(const char* table) { return run_checked({"iptables-save", "-t", table}); }
};

template <class Test>
void with_host(Test&& test) {
  host::NetNs::make().run([&] {
    Fixture fixture;
    test(fixture);
    fixture.pool.join();
  });
}

}  // namespace

TEST_CASE("preparing makes the bridge and installs the rules") {
  with_host([](Fixture& f) {
    f.prepare();
    CHECK(host::Netlink().link("wt").mtu == 1400);
    CHECK_THAT(f.rules("nat"), Catch::Contains("-A POSTROUTING -j WEAVE"));
  });
}

TEST_CASE("undoing a first start removes bridge and rules") {
  with_host([](Fixture& f) {
    f.prepare();
    test::run(f.io, f.host.undo());
    CHECK_FALSE(f.has_bridge());
    CHECK_THAT(f.rules("nat"), !Catch::Contains("WEAVE"));
  });
}

TEST_CASE("undoing a start on a bridge that was there keeps it") {
  with_host([](Fixture& f) {
    f.prepare();
    HostState second(f.pool, f.repairs,
                     HostState::Config{.bridge = {.name = "wt", .mac = Mac{{2, 0, 0, 0, 0, 1}}, .docker_bridge = ""},
                                       .firewall = {.bridge = "wt"}});
    test::run(f.io, second.prepare());
    test::run(f.io, second.undo());
    CHECK(f.has_bridge());
  });
}

TEST_CASE("undoing before anything was prepared does nothing") {
  with_host([](Fixture& f) {
    test::run(f.io, f.host.undo());
    CHECK_FALSE(f.has_bridge());
  });
}

TEST_CASE("rules that somebody removes are restored and noted, often removed ones with pauses") {
  with_host([](Fixture& f) {
    f.prepare();
    auto remove = [] { run_checked({"iptables", "-t", "nat", "-F", "POSTROUTING"}); };
    for (int i = 0; i <= host::Repairs::kAtOnce; ++i) {
      remove();
      test::run(f.io, f.host.repair_firewall());
      CHECK_THAT(f.rules("nat"), Catch::Contains("-A POSTROUTING"));
    }
    remove();
    test::run(f.io, f.host.repair_firewall());
    CHECK_THAT(f.rules("nat"), !Catch::Contains("-A POSTROUTING"));
    REQUIRE(f.repairs.recent().size() == 1);
    CHECK(f.repairs.recent()[0].item == "firewall rules");
    CHECK(f.repairs.recent()[0].times == host::Repairs::kAtOnce + 1);
  });
}

TEST_CASE("what is removed from the bridge or changed on it is restored") {
  with_host([](Fixture& f) {
    f.prepare();
    test::run(f.io, f.host.expose(kExposed, true));
    host::Netlink net;
    test::run(f.io, f.host.repair_bridge());
    CHECK(f.repairs.recent().empty());

    auto check = [&](const std::string& item, const std::function<void()>& change) {
      change();
      auto before = f.repairs.recent();
      test::run(f.io, f.host.repair_bridge());
      auto after = f.repairs.recent();
      INFO(item);
      CHECK(std::ranges::any_of(after, [&](const auto& one) {
        return one.item == item && std::ranges::none_of(before, [&](const auto& old) { return old.item == item; });
      }));
    };
    check("route 10.32.0.0/12", [&] { CHECK(net.remove_route(kExposed.masked(), net.link("wt").index)); });
    CHECK(std::ranges::any_of(net.routes(), [](const auto& route) { return route.destination == kExposed.masked(); }));
    check("address 10.32.0.5/12", [&] { CHECK(net.remove_address(net.link("wt").index, kExposed)); });
    CHECK(host::bridge_addresses("wt") == std::vector<Cidr>{kExposed});
    check("sysctl net/ipv4/neigh/wt/ucast_solicit", [] { host::write_sysctl("ipv4/neigh/wt/ucast_solicit", "3"); });
    CHECK(host::read_sysctl("ipv4/neigh/wt/ucast_solicit") == "1");
    check("bridge wt", [&] { net.set_mtu(net.link("wt").index, 1300); });
    CHECK(net.link("wt").mtu == 1400);
    net.remove_link("wt");
    test::run(f.io, f.host.repair_bridge());
    CHECK(net.link("wt").up);
    CHECK(host::bridge_addresses("wt") == std::vector<Cidr>{kExposed});
  });
}

TEST_CASE("ranges that keep their source are followed") {
  with_host([](Fixture& f) {
    f.prepare();
    CHECK_THAT(f.rules("nat"), !Catch::Contains("10.40.0.0/16"));
    f.ranges = {Cidr{Ipv4{0x0a280000}, 16}};
    test::run(f.io, f.host.repair_firewall());
    CHECK_THAT(f.rules("nat"), Catch::Contains("10.40.0.0/16"));
  });
}

TEST_CASE("an address whose firewall rules cannot be made is not exposed, and can be exposed later") {
  with_host([](Fixture& f) {
    f.prepare();
    // iptables isn't found.
    auto path = std::string(::getenv("PATH"));
    ::setenv("PATH", "/nonexistent", 1);
    CHECK_THROWS_AS(test::run(f.io, f.host.expose(kExposed, true)), Error);
    ::setenv("PATH", path.c_str(), 1);
    CHECK(test::run(f.io, f.host.exposed()).empty());
    test::run(f.io, f.host.expose(kExposed, true));
    CHECK(test::run(f.io, f.host.exposed()) == std::vector<Cidr>{kExposed});
  });
}

TEST_CASE("an exposed address is on the bridge until it is hidden") {
  with_host([](Fixture& f) {
    f.prepare();
    test::run(f.io, f.host.expose(kExposed, true));
    CHECK(test::run(f.io, f.host.exposed()) == std::vector<Cidr>{kExposed});
    CHECK_THAT(f.rules("nat"), Catch::Contains("10.32.0.0/12"));
    test::run(f.io, f.host.hide(kExposed));
    CHECK(test::run(f.io, f.host.exposed()).empty());
    CHECK_THAT(f.rules("nat"), !Catch::Contains("10.32.0.0/12"));
  });
}

TEST_CASE("without Docker the addresses of all processes' namespaces are found") {
  with_host([](Fixture& f) {
    f.prepare();
    // A process with a network of its own, as a container's.
    Pipe ready;
    auto pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      if (::unshare(CLONE_NEWNET) == 0 && ::write(ready.write.get(), "x", 1) == 1) ::pause();
      ::_exit(1);
    }
    char x;
    REQUIRE(::read(ready.read.get(), &x, 1) == 1);
    host::attach(host::NetNs::of_pid(pid), std::to_string(pid), {kExposed}, {.bridge = "wt", .multicast_route = false});
    auto found = test::run(f.io, f.host.found_addresses(nullptr));
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    // Namespaces of other processes on this machine are searched, too.
    CHECK(std::ranges::count(found, FoundAddress{"", kExposed}) >= 1);
  });
}
