#include "mesh/maker.hpp"

#include <catch2/catch.hpp>

using namespace weave;
using namespace weave::mesh;
using namespace std::chrono_literals;

namespace {

const PeerName us{1}, two{2}, three{3};

Endpoint at(const std::string& text) {
  return *Endpoint::parse(text);
}

std::vector<std::string> targets_of(const std::vector<Maker::Attempt>& attempts) {
  std::vector<std::string> out;
  for (const auto& attempt : attempts) out.push_back(attempt.target);
  return out;
}

using Names = std::vector<std::string>;

// A maker whose chance is the middle: the next attempt comes after exactly one interval.
struct World {
  explicit World(MakerConfig config = {}) : maker(config, [this] { return chance; }) { view.self = us; }
  Names dial() { return targets_of(maker.update(view, now)); }
  double chance = 0.5;
  Time now = Time{} + 1h;
  MakerView view;
  std::map<PeerName, Peer> known;
  Maker maker;
};

}  // namespace

TEST_CASE("a target is host[:port], also with an IPv6 address") {
  auto parse = [](const char* text) { return TargetName::parse(text); };
  CHECK(parse("host1")->host == "host1");
  CHECK_FALSE(parse("host1")->port);
  CHECK(parse("host1:7000")->port == 7000);
  CHECK(parse("10.0.0.1")->host == "10.0.0.1");
  CHECK(parse("10.0.0.1:1")->port == 1);
  CHECK(parse("[fd00::1]:7000")->host == "fd00::1");
  CHECK(parse("[fd00::1]:7000")->port == 7000);
  CHECK(parse("[fd00::1]")->host == "fd00::1");
  CHECK_FALSE(parse("fd00::1")->port);
  CHECK(parse("FD00:0::1")->host == "fd00::1");
  for (const char* bad : {"", ":6783", "host:", "host:0", "host:65536", "host:x!", "a b", "[host]:1", "[]:1", "h[1]"})
    CHECK(parse(bad).error() == fmt::format("invalid peer name \"{}\", should be host[:port]", bad));
  CHECK(Endpoint::parse("[fd00::1]:5")->str() == "[fd00::1]:5");
  CHECK(Endpoint::parse("10.0.0.1:5")->str() == "10.0.0.1:5");
  CHECK(Endpoint::parse("[::ffff:10.0.0.1]:5")->str() == "10.0.0.1:5");
  for (const char* bad : {"", "10.0.0.1", "fd00::1:5", "[10.0.0.1]:5", "x:5", "10.0.0.1:", "10.0.0.1:70000"})
    CHECK_FALSE(Endpoint::parse(bad));
}

TEST_CASE("valid targets of the user are dialled at once, invalid ones are refused") {
  World w;
  CHECK(w.maker.connect({"10.0.0.2", "a b", "10.0.0.3:7000", "host4"}, false, w.now) ==
        Names{"invalid peer name \"a b\", should be host[:port]"});
  CHECK(w.dial() == Names{"10.0.0.2:6783", "10.0.0.3:7000", "host4:6783"});
  CHECK(w.dial().empty());
  CHECK(w.maker.targets() == Names{"10.0.0.2", "10.0.0.3:7000", "host4"});
  CHECK(w.maker.rows().at(0).state == "connecting");
}

TEST_CASE("intervals grow from 2 s by half to 6 min, between half and one and a half of each") {
  World w;
  w.maker.connect({"10.0.0.2"}, false, w.now);
  double interval = 2;
  for (int i = 0; i < 20; ++i) {
    REQUIRE(w.dial().size() == 1);
    w.chance = i % 2 ? 0.0 : 0.999;
    w.maker.ended("10.0.0.2:6783", "refused", w.now);
    auto wait = std::chrono::duration<double>(w.maker.next_wake() - w.now).count();
    CHECK(wait == Approx(interval * (i % 2 ? 0.5 : 1.499)));
    auto row = w.maker.rows().at(0);
    CHECK(row.state == "failed");
    CHECK(row.reason == "refused");
    CHECK(row.retry == w.maker.next_wake());
    w.now = w.maker.next_wake() - 1ns;
    CHECK(w.dial().empty());
    w.now += 1ns;
    interval = std::min(interval * 1.5, 360.0);
  }
  CHECK(interval == 360);
  CHECK(w.dial().size() == 1);
  CHECK(w.maker.rows().at(0).state == "retrying");
  CHECK(w.maker.rows().at(0).reason == "refused");
}

TEST_CASE("a connection that lasted a minute is dialled again at once, with the first interval") {
  World w;
  w.maker.connect({"10.0.0.2"}, false, w.now);
  w.dial();
  w.maker.ended("10.0.0.2:6783", "refused", w.now);
  w.now = w.maker.next_wake();
  w.dial();
  w.maker.connected("10.0.0.2:6783");
  CHECK(w.maker.rows().empty());
  w.now += 61s;
  w.maker.ended("10.0.0.2:6783", "reset", w.now);
  CHECK(w.dial() == Names{"10.0.0.2:6783"});
  w.maker.connected("10.0.0.2:6783");
  w.now += 59s;
  w.maker.ended("10.0.0.2:6783", "reset", w.now);
  CHECK(w.maker.next_wake() == w.now + 2s);
}

TEST_CASE("a target that is this router is not tried again until it is named again") {
  World w;
  w.maker.connect({"10.0.0.2"}, false, w.now);
  w.dial();
  w.maker.ended_for_good("10.0.0.2:6783", at("10.0.0.2:6783"), "cannot connect to ourself", w.now);
  w.now += 24h;
  CHECK(w.dial().empty());
  CHECK(w.maker.next_wake() == Time::max());
  CHECK(w.maker.rows().at(0).never);
  CHECK(w.maker.targets() == Names{"10.0.0.2"});
  CHECK(w.maker.targets(true).empty());
  w.maker.connect({"10.0.0.2"}, false, w.now);
  CHECK(w.dial().size() == 1);
}

TEST_CASE("a target that is named again is tried at once") {
  World w;
  w.maker.connect({"10.0.0.2"}, false, w.now);
  w.dial();
  w.maker.ended("10.0.0.2:6783", "refused", w.now);
  CHECK(w.dial().empty());
  w.maker.connect({"10.0.0.2"}, false, w.now);
  CHECK(w.dial().size() == 1);
  CHECK(w.maker.targets().size() == 1);
}

TEST_CASE("replaced and forgotten targets are dialled no more, their connections stay") {
  World w;
  w.maker.connect({"10.0.0.2", "10.0.0.3"}, false, w.now);
  w.dial();
  w.maker.connected("10.0.0.2:6783");
  w.maker.ended("10.0.0.3:6783", "refused", w.now);
  w.maker.connect({"10.0.0.4"}, true, w.now);
  CHECK(w.maker.targets() == Names{"10.0.0.4"});
  CHECK(w.dial() == Names{"10.0.0.4:6783"});
  w.maker.forget({"10.0.0.4", "unknown"});
  CHECK(w.maker.targets().empty());
  w.maker.ended("10.0.0.2:6783", "reset", w.now);
  w.maker.ended("10.0.0.4:6783", "refused", w.now);
  w.now += 1h;
  CHECK(w.dial().empty());
  CHECK(w.maker.rows().empty());
}

TEST_CASE("two routers that name each other don't dial each other while they are connected") {
  World w;
  w.maker.connect({"10.0.0.2:6783"}, false, w.now);
  w.dial();
  // Both have dialled; the peer's connection has won.
  w.maker.answered("10.0.0.2:6783", two);
  w.view.connections.push_back({two, at("10.0.0.2:41234"), false});
  w.maker.ended("10.0.0.2:6783", "Multiple connections to two added to us", w.now);
  w.now += 1h;
  CHECK(w.dial().empty());
  CHECK(w.maker.next_wake() == Time::max());
  CHECK(w.maker.rows().empty());
  w.view.connections.clear();
  CHECK(w.dial() == Names{"10.0.0.2:6783"});
}

TEST_CASE("a target without port is not dialled while its host is connected to us") {
  World w;
  w.maker.connect({"10.0.0.2", "10.0.0.3:6783"}, false, w.now);
  w.view.connections = {{two, at("10.0.0.2:41234"), false}, {three, at("10.0.0.3:41234"), false}};
  CHECK(w.dial() == Names{"10.0.0.3:6783"});
}

TEST_CASE("a name is resolved at each attempt, and not dialled while one of its addresses is connected") {
  World w;
  w.maker.connect({"host2"}, false, w.now);
  auto attempt = w.maker.update(w.view, w.now).at(0);
  CHECK(attempt.host == "host2");
  CHECK_FALSE(attempt.address);
  w.maker.ended("host2:6783", "no such host", w.now);
  CHECK(w.maker.targets() == Names{"host2"});
  w.now = w.maker.next_wake();
  CHECK(w.dial() == Names{"host2:6783"});
  std::vector<Ip> addresses{at("10.0.0.2:1").ip, at("10.0.0.3:1").ip};
  CHECK(w.maker.resolved("host2:6783", addresses, w.now) ==
        std::vector<Endpoint>{at("10.0.0.2:6783"), at("10.0.0.3:6783")});
  w.maker.ended("host2:6783", "refused", w.now);
  w.now = w.maker.next_wake();
  w.dial();
  w.view.connections = {{two, at("10.0.0.3:41234"), false}};
  w.maker.update(w.view, w.now);
  CHECK(w.maker.resolved("host2:6783", addresses, w.now).empty());
  CHECK(w.maker.rows().empty());
  w.view.connections.clear();
  CHECK(w.dial() == Names{"host2:6783"});
}

TEST_CASE("a name of several routers that includes this one stands for the others") {
  World w;
  w.maker.connect({"all"}, false, w.now);
  std::vector<Ip> addresses{at("10.0.0.1:1").ip, at("10.0.0.2:1").ip};
  w.dial();
  w.maker.resolved("all:6783", addresses, w.now);
  w.maker.answered("all:6783", us);
  w.maker.ended_for_good("all:6783", at("10.0.0.1:6783"), "cannot connect to ourself", w.now);
  CHECK(w.dial() == Names{"all:6783"});
  CHECK(w.maker.resolved("all:6783", addresses, w.now) == std::vector<Endpoint>{at("10.0.0.2:6783")});
  w.maker.ended("all:6783", "refused", w.now);
  w.now = w.maker.next_wake();
  w.dial();
  CHECK(w.maker.resolved("all:6783", {addresses[0]}, w.now).empty());
  CHECK(w.maker.rows().at(0).never);
  w.maker.connect({"all"}, false, w.now);
  w.dial();
  CHECK(w.maker.resolved("all:6783", addresses, w.now).size() == 2);
}

TEST_CASE("peers known from gossip are dialled if discovery is on") {
  World w;
  w.known[two] = {.name = two,
                  .nickname = {},
                  .uid = 1,
                  .version = 1,
                  .short_id = {},
                  .links = {{us, "10.0.0.1:6783", true, true},
                            {three, "10.0.0.3:7000", true, true},
                            {{4}, "10.0.0.4:41234", false, false},
                            {{5}, "127.0.0.1:6783", true, true},
                            {{6}, "224.0.0.1:6783", true, true},
                            {{7}, "0.0.0.0:6783", true, true},
                            {{8}, "10.0.0.1:6783", true, true},
                            {{9}, "nonsense", true, true}}};
  w.view.known = &w.known;
  w.view.own = {at("10.0.0.1:6783")};
  w.view.connections = {{two, at("10.0.0.2:6783"), true}};
  w.maker.set_discovery(false);
  CHECK(w.dial().empty());
  w.maker.set_discovery(true);
  CHECK(w.dial() == Names{"10.0.0.3:7000", "10.0.0.4:6783"});
  w.maker.ended("10.0.0.3:7000", "refused", w.now);
  w.maker.connected("10.0.0.4:6783");
  w.view.connections.push_back({{4}, at("10.0.0.4:6783"), true});
  CHECK(w.maker.rows().size() == 1);
  w.known.clear();
  w.now += 1h;
  CHECK(w.dial().empty());
  CHECK(w.maker.rows().empty());
  CHECK(w.maker.targets().empty());
}

TEST_CASE("an address that a target resolves to isn't dialled a second time because of gossip") {
  World w;
  w.maker.connect({"host3"}, false, w.now);
  w.dial();
  w.maker.resolved("host3:6783", {at("10.0.0.3:1").ip}, w.now);
  w.known[two] = {.name = two,
                  .nickname = {},
                  .uid = 1,
                  .version = 1,
                  .short_id = {},
                  .links = {{three, "10.0.0.3:6783", true, true}}};
  w.view.known = &w.known;
  CHECK(w.dial().empty());
}

TEST_CASE("attempts and connections are limited") {
  World w({.max_attempts = 2});
  w.maker.connect({"10.0.0.2", "10.0.0.3", "10.0.0.4"}, false, w.now);
  CHECK(w.dial().size() == 2);
  CHECK(w.dial().empty());
  CHECK(w.maker.next_wake() == Time::max());
  w.maker.connected("10.0.0.2:6783");
  CHECK(w.dial() == Names{"10.0.0.4:6783"});

  World full({.conn_limit = 1});
  full.maker.connect({"10.0.0.3"}, false, full.now);
  full.view.connections = {{two, at("10.0.0.2:41234"), false}};
  CHECK(full.dial().empty());
  CHECK(full.maker.rows().at(0).reason == "Connection limit reached (1)");
  CHECK(full.maker.next_wake() == full.now + 2s);
}
