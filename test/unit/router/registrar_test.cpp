#include "router/registrar.hpp"
#include "unit/temp_dir.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>

using namespace weave;
using namespace weave::router;

namespace {

const std::string kId(64, 'a');

docker::Container container(std::string name, std::string hostname) {
  docker::Container c;
  c.id = kId;
  c.name = std::move(name);
  c.hostname = std::move(hostname);
  return c;
}

using Names = std::vector<std::string>;

struct Host {
  explicit Host(const test::TempDir& directory) : store(directory / "weave.db") {}
  Store store;
  names::Database names{PeerName{0x12d2fe7ac1f2}, "weave.local."};
  names::Entries sent;
  Registrar registrar{names, store, [this](const names::Entries& e) { sent.insert(sent.end(), e.begin(), e.end()); }};

  Names live() const {
    Names list;
    for (const auto& entry : names.own_live_entries()) list.push_back(entry.hostname + " " + entry.address.str());
    return list;
  }
};

const Ipv4 kFirst{0x0a200001}, kSecond{0x0a200002};

}  // namespace

TEST_CASE("a container is known under its name, hostname, aliases and service, each once") {
  auto c = container("web1", "web1.weave.local");
  CHECK(container_names(c, nullptr, "weave.local.") == Names{"web1.weave.local."});
  c.labels["com.docker.compose.service"] = "web";
  docker::Endpoint endpoint{.aliases = {"front", kId.substr(0, 12), "pingme.weave.local"}};
  CHECK(container_names(c, &endpoint, "weave.local.") ==
        Names{"front.weave.local.", "pingme.weave.local.", "web.weave.local.", "web1.weave.local."});
}

TEST_CASE("an attached container with a hostname in the domain has this name only") {
  auto c = container("c2", "seetwo.weave.local");
  CHECK(container_names(c, nullptr, "weave.local.") == Names{"seetwo.weave.local."});
  CHECK(container_names(container("c2", "seetwo"), nullptr, "weave.local.") ==
        Names{"c2.weave.local.", "seetwo.weave.local."});
}

TEST_CASE("on a network, a hostname of another domain is not registered without its domain") {
  auto c = container("x", "zz");
  c.domainname = "corp.example";
  docker::Endpoint endpoint{.aliases = {"zz", "front"}};
  CHECK(container_names(c, &endpoint, "weave.local") == Names{"front.weave.local.", "x.weave.local."});
}

TEST_CASE("the short id, other domains and names that DNS cannot encode are not registered") {
  CHECK(container_names(container("Some_Name", kId.substr(0, 12)), nullptr, "weave.local") ==
        Names{"some_name.weave.local."});
  CHECK(container_names(container("x", "x.example.com"), nullptr, "weave.local") == Names{"x.weave.local."});
  CHECK(container_names(container(std::string(70, 'n'), "host"), nullptr, "weave.local") == Names{"host.weave.local."});
}

TEST_CASE("an old Docker splits the hostname from its domain") {
  auto c = container("x", "web1");
  c.domainname = "weave.local";
  CHECK(container_names(c, nullptr, "weave.local") == Names{"web1.weave.local."});
}

TEST_CASE("an update registers new names, removes old ones and leaves the others alone") {
  test::TempDir directory;
  Host host(directory);
  host.registrar.update(kId, {{"a.weave.local.", kFirst}, {"b.weave.local.", kFirst}});
  CHECK(host.live() == Names{"a.weave.local. 10.32.0.1", "b.weave.local. 10.32.0.1"});
  host.sent.clear();
  host.registrar.update(kId, {{"b.weave.local.", kFirst}, {"c.weave.local.", kSecond}});
  CHECK(host.live() == Names{"b.weave.local. 10.32.0.1", "c.weave.local. 10.32.0.2"});
  CHECK(host.sent.size() == 2);
  host.registrar.died(kId);
  CHECK(host.live().empty());
}

TEST_CASE("a name given by hand stays besides those of the container, until it is removed") {
  test::TempDir directory;
  Host host(directory);
  CHECK_FALSE(host.registrar.add(kId, kFirst, "hand.weave.local"));
  host.registrar.update(kId, {{"a.weave.local.", kFirst}});
  CHECK(host.live() == Names{"a.weave.local. 10.32.0.1", "hand.weave.local. 10.32.0.1"});
  host.registrar.update(kId, {});
  CHECK(host.live() == Names{"hand.weave.local. 10.32.0.1"});
  host.registrar.removed(kId);
  host.registrar.update(kId, {{"a.weave.local.", kFirst}});
  CHECK(host.live() == Names{"a.weave.local. 10.32.0.1"});
}

TEST_CASE("names given by hand come back with a container that restarts, at the address that it has then") {
  test::TempDir directory;
  const Ipv4 elsewhere{0x01020304};
  {
    Host host(directory);
    host.registrar.update(kId, {{"a.weave.local.", kFirst}});
    host.registrar.add(kId, kFirst, "hand.weave.local");
    host.registrar.add(kId, elsewhere, "far.weave.local");
    host.registrar.died(kId);
    CHECK(host.live().empty());
    host.registrar.update(kId, {});
    CHECK(host.live().empty());
    host.registrar.update(kId, {{"a.weave.local.", kSecond}});
    CHECK(host.live() == Names{"a.weave.local. 10.32.0.2", "far.weave.local. 1.2.3.4", "hand.weave.local. 10.32.0.2"});
  }
  Host after(directory);
  after.registrar.update(kId, {{"a.weave.local.", kSecond}});
  CHECK(after.live() == Names{"a.weave.local. 10.32.0.2", "far.weave.local. 1.2.3.4", "hand.weave.local. 10.32.0.2"});
}

TEST_CASE("names given by hand survive a restart, a container's names come back with the container") {
  test::TempDir directory;
  {
    Host before(directory);
    before.registrar.add("weave:extern", kSecond, "db.weave.local");
    before.registrar.add(kId, kFirst, "hand.weave.local");
    before.registrar.add("weave:extern", kFirst, "gone.weave.local");
    before.registrar.remove({.hostname = "GONE.weave.local.", .container = {}, .address = {}});
  }
  Host after(directory);
  CHECK(after.live() == Names{"db.weave.local. 10.32.0.2"});
  after.registrar.update(kId, {});
  CHECK(after.live() == Names{"db.weave.local. 10.32.0.2", "hand.weave.local. 10.32.0.1"});
}

TEST_CASE("after a gap in Docker's events only running containers and external names stay") {
  test::TempDir directory;
  Host host(directory);
  const std::string other(64, 'b');
  host.registrar.update(kId, {{"a.weave.local.", kFirst}});
  host.registrar.update(other, {{"b.weave.local.", kSecond}});
  host.registrar.add("weave:extern", kSecond, "db.weave.local");
  host.registrar.add(kId, kFirst, "hand.weave.local");
  host.registrar.keep_only({other}, {other});
  CHECK(host.live() == Names{"b.weave.local. 10.32.0.2", "db.weave.local. 10.32.0.2"});
}

TEST_CASE("a name outside the domain is refused with a reason") {
  test::TempDir directory;
  Host host(directory);
  auto reason = host.registrar.add("weave:extern", kFirst, "x.example.com");
  REQUIRE(reason);
  CHECK_THAT(*reason, Catch::Contains("x.example.com"));
  CHECK(host.store.all("names").empty());
}

TEST_CASE("a name given by hand is what a reverse look-up returns") {
  test::TempDir directory;
  Host host(directory);
  host.registrar.update(kId, {{"a.weave.local.", kFirst}});
  CHECK(host.names.index().reverse(kFirst) == "a.weave.local.");
  host.registrar.add(kId, kFirst, "hand.weave.local");
  CHECK(host.names.index().reverse(kFirst) == "hand.weave.local.");
  CHECK(host.sent.back().by_hand);
}
