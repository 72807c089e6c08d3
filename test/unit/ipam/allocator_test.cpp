#include "ipam/allocator.hpp"

#include <catch2/catch.hpp>

#include "unit/ipam/allocator_helpers.hpp"
#include "unit/ipam/vectors.hpp"
#include "unit/temp_dir.hpp"

using namespace weave;
using namespace weave::ipam;
using namespace std::chrono_literals;

namespace {

const PeerName kSelf{0x020000000001}, kOther{0x020000000002};
const Cidr kRange = cidr("10.32.0.0/24");
const auto kNobody = [](PeerName) { return false; };

Config config(std::vector<PeerName> seed = {}) {
  return {kSelf, "host1", kRange, kRange, std::move(seed)};
}
void forget(std::span<const Change>) {}

// A store in a directory of its own.
struct Disk {
  Allocator start(Config c = config()) { return Allocator(std::move(c), load(*store), save_to(*store)); }
  test::TempDir directory;
  std::unique_ptr<Store> store = std::make_unique<Store>(directory / "data.db");
};

std::map<std::string, std::vector<Cidr>> contents(const Allocator& ipam) {
  std::map<std::string, std::vector<Cidr>> out;
  for (const auto& one : ipam.owned()) out[one.ident] = one.addresses;
  return out;
}

}  // namespace

TEST_CASE("addresses survive a restart, in their order and with their holders") {
  Disk disk;
  auto ipam = disk.start();
  CHECK(ipam.note() == "No valid persisted data");
  CHECK(ipam.allocate("c1", kRange)->str() == "10.32.0.1/24");
  CHECK(ipam.claim("c1", cidr("192.168.7.9/16")));
  CHECK(ipam.allocate("c1", cidr("10.32.0.128/25"))->str() == "10.32.0.129/25");
  CHECK(ipam.allocate("_", kRange)->str() == "10.32.0.2/24");
  CHECK(ipam.allocate("odd ident\n:", kRange)->str() == "10.32.0.3/24");
  CHECK(ipam.release("10.32.0.2", ip("10.32.0.2")));
  auto again = disk.start();
  CHECK(again.note() == "");
  CHECK(again.mode() == "Initialising with persisted data");
  CHECK(contents(again) == contents(ipam));
  CHECK(again.ring() == ipam.ring());
  CHECK(again.holder(ip("10.32.0.129")) == "c1");
  CHECK(again.holder(ip("10.32.0.2")) == std::nullopt);
  CHECK(again.space().used_count() == 3);
  CHECK(again.allocate("c1", kRange)->str() == "10.32.0.1/24");
  CHECK(again.allocate("c2", kRange)->str() == "10.32.0.2/24");
}

TEST_CASE("data of another peer or range is forgotten, also on disk") {
  Disk disk;
  {
    auto ipam = disk.start();
    REQUIRE(ipam.allocate("c1", kRange));
  }
  auto other = config();
  SECTION("peer") {
    other.self = kOther;
    CHECK(disk.start(other).note() == "Deleting persisted data for peername 02:00:00:00:00:01");
  }
  SECTION("range") {
    other.range = cidr("10.32.0.0/16");
    CHECK(disk.start(other).note() ==
          "Deleting persisted data for IPAM range 10.32.0.0-10.32.0.255; our range is 10.32.0.0/16");
  }
  CHECK(disk.store->all("ipam-owned").empty());
  CHECK(disk.store->all("ipam-ring").empty());
  auto ipam = disk.start(other);
  CHECK(ipam.owned().empty());
  CHECK(ipam.allocate("c2", kRange)->str() == "10.32.0.1/24");
}

TEST_CASE("claims outside the range survive a restart before there is a ring") {
  Disk disk;
  {
    auto ipam = disk.start();
    REQUIRE(ipam.claim("c1", cidr("192.168.7.9/16")));
    CHECK(ipam.ring().empty());
  }
  auto ipam = disk.start(config({kSelf}));
  CHECK(ipam.note() == "No valid persisted data");
  CHECK(ipam.holder(ip("192.168.7.9")) == "c1");
  CHECK(ipam.allocate("c2", kRange)->str() == "10.32.0.1/24");
  CHECK(contents(disk.start()).size() == 2);
}

TEST_CASE("rows that cannot be decoded are an error and stay stored") {
  Disk disk;
  {
    auto ipam = disk.start();
    REQUIRE(ipam.allocate("c1", kRange));
  }
  SECTION("owned") {
    disk.store->put("ipam-owned", "c1", "10.32.0.1");
  }
  SECTION("owned with a strange word") {
    disk.store->put("ipam-owned", "c1", "10.32.0.1/24 sailor");
  }
  SECTION("ring") {
    disk.store->put("ipam-ring", "10.32.0.0", "02:00:00:00:00:01 1");
  }
  SECTION("ring out of bounds") {
    disk.store->put("ipam-ring", "10.99.0.0", "02:00:00:00:00:01 1 1");
  }
  SECTION("token") {
    disk.store->put("ipam-ring", "x", "02:00:00:00:00:01 1 1");
  }
  SECTION("range") {
    disk.store->put("ipam", "range", "10.32.0.0");
  }
  SECTION("self") {
    disk.store->put("ipam", "self", "me");
  }
  SECTION("seeds") {
    disk.store->put("ipam", "seeds", "me");
  }
  CHECK_THROWS_AS(disk.start(), Error);
}

TEST_CASE("a seed divides the range at once, unless a ring is stored") {
  Disk disk;
  auto ipam = disk.start(config({kOther, kSelf, kOther}));
  CHECK(ipam.ring().seeds() == std::vector{kSelf, kOther});
  CHECK(ipam.allocate("c", kRange)->str() == "10.32.0.1/24");
  auto answer = ipam.claim("c", cidr("10.32.0.200/24"));
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == Refusal::Kind::kElsewhere);
  CHECK(answer.error().text ==
        "address 10.32.0.200/24 is owned by other peer 02:00:00:00:00:02 - no way to other peers");
  set_nickname(ipam, kOther, "host2");
  CHECK(ipam.claim("c", cidr("10.32.0.200/24")).error().text ==
        "address 10.32.0.200/24 is owned by other peer 02:00:00:00:00:02 (host2) - no way to other peers");
  CHECK(ipam.ring().owner(ip("10.32.0.200")) == kOther);
  auto again = disk.start(config({kSelf}));
  CHECK(again.mode() == "Found persisted IPAM data, ignoring supplied IPAM seed");
  CHECK(again.ring() == ipam.ring());
}

TEST_CASE("a full subnet is reported, and serves again after a release") {
  Allocator ipam(config(), {}, forget);
  auto tiny = cidr("10.32.0.8/30");
  CHECK(ipam.allocate("a", tiny)->str() == "10.32.0.9/30");
  CHECK(ipam.allocate("b", tiny)->str() == "10.32.0.10/30");
  auto full = ipam.allocate("c", tiny);
  REQUIRE_FALSE(full);
  CHECK(full.error().kind == Refusal::Kind::kFull);
  CHECK(ipam.release_all("a"));
  CHECK(ipam.allocate("c", tiny)->str() == "10.32.0.9/30");
}

TEST_CASE("a change that cannot be stored has no effect") {
  bool broken = false;
  Allocator ipam(config(), {}, [&](std::span<const Change>) {
    if (broken) throw Error("write data.db: no space");
  });
  auto before = [&] {
    return std::tuple(contents(ipam), ipam.ring(), ipam.space().free_count(), ipam.space().used_count());
  };
  SECTION("the first division") {
    auto then = before();
    broken = true;
    CHECK_THROWS_AS(ipam.allocate("c", kRange), Error);
    CHECK(before() == then);
    CHECK(ipam.report(kNobody).status == "idle");
  }
  SECTION("later changes") {
    REQUIRE(ipam.allocate("c1", kRange));
    REQUIRE(ipam.allocate("dead", kRange, true));
    REQUIRE(ipam.claim("dead", cidr("10.99.0.1/24"), true));
    auto then = before();
    broken = true;
    CHECK_THROWS_AS(ipam.allocate("c1", cidr("10.32.0.128/25")), Error);
    CHECK_THROWS_AS(ipam.allocate("c2", kRange), Error);
    CHECK_THROWS_AS(ipam.allocate("c1", kRange, true), Error);
    CHECK_THROWS_AS(ipam.claim("c2", cidr("10.32.0.77/24")), Error);
    CHECK_THROWS_AS(ipam.release("c1", ip("10.32.0.1")), Error);
    CHECK_THROWS_AS(ipam.release_all("dead"), Error);
    ipam.container_died("dead", {});
    CHECK_THROWS_AS(ipam.claim("heir", cidr("10.99.0.1/24")), Error);
    CHECK_THROWS_AS(ipam.tick(Allocator::Time(1h)), Error);
    CHECK(before() == then);
    broken = false;
    CHECK(ipam.holder(ip("10.99.0.1")) == "dead");
    CHECK(ipam.allocate("c2", kRange)->str() == "10.32.0.3/24");
    CHECK(ipam.tick(Allocator::Time(1h)) == std::vector<std::string>{"dead"});
    CHECK(ipam.allocate("c3", kRange)->str() == "10.32.0.2/24");
  }
}

TEST_CASE("a dead container keeps its addresses for a while") {
  Allocator ipam(config(), {}, forget);
  Allocator::Time now{};
  REQUIRE(ipam.allocate("c", kRange, true));
  REQUIRE(ipam.claim("c", cidr("10.32.0.50/24")));
  ipam.container_died("c", now);
  CHECK(ipam.tick(now + 30s).empty());
  SECTION("its addresses as a container are freed after that") {
    CHECK(ipam.tick(now + 31s) == std::vector<std::string>{"c"});
    CHECK(contents(ipam)["c"] == std::vector{cidr("10.32.0.50/24")});
    CHECK(ipam.tick(now + 99s).empty());
  }
  SECTION("unless the container starts again") {
    ipam.container_started("c");
    CHECK(ipam.tick(now + 31s).empty());
  }
  SECTION("unless the container asks again") {
    CHECK(ipam.allocate("c", kRange)->str() == "10.32.0.1/24");
    CHECK(ipam.tick(now + 31s).empty());
  }
  SECTION("or until it is destroyed") {
    ipam.container_destroyed("c");
    CHECK(ipam.holder(ip("10.32.0.1")) == std::nullopt);
    CHECK(ipam.tick(now + 31s).empty());
  }
}

TEST_CASE("a death event frees addresses of containers only") {
  Allocator ipam(config(), {}, forget);
  REQUIRE(ipam.allocate("weave:expose", kRange));
  ipam.container_died("weave:expose", {});
  ipam.container_destroyed("weave:expose");
  CHECK(ipam.tick(Allocator::Time(1h)).empty());
  ipam.reconcile({}, {}, {});
  CHECK(ipam.holder(ip("10.32.0.1")) == "weave:expose");
}

TEST_CASE("an address outside the range goes from a dead container to the next claimant") {
  Allocator ipam(config(), {}, forget);
  REQUIRE(ipam.claim("old", cidr("10.99.0.1/24"), true));
  CHECK(ipam.claim("new", cidr("10.99.0.1/24")).error().text == "address 10.99.0.1/24 already in use by old");
  ipam.container_died("old", {});
  CHECK(ipam.claim("new", cidr("10.99.0.1/24")));
  CHECK(ipam.holder(ip("10.99.0.1")) == "new");
  CHECK(contents(ipam).size() == 1);
  CHECK(ipam.ring().empty());
}

TEST_CASE("reconciliation frees addresses of missing containers at once, of stopped ones later") {
  Disk disk;
  auto ipam = disk.start();
  REQUIRE(ipam.allocate("gone", kRange, true));
  REQUIRE(ipam.allocate("alive", kRange, true));
  REQUIRE(ipam.allocate("other", kRange));
  REQUIRE(ipam.allocate("stopped", kRange, true));
  auto again = disk.start();
  again.reconcile({"alive"}, {"alive", "stopped"}, {});
  std::map<std::string, std::vector<Cidr>> left{
      {"alive", {cidr("10.32.0.2/24")}}, {"other", {cidr("10.32.0.3/24")}}, {"stopped", {cidr("10.32.0.4/24")}}};
  CHECK(contents(again) == left);
  CHECK(again.tick(Allocator::Time(31s)) == std::vector<std::string>{"stopped"});
  left.erase("stopped");
  CHECK(contents(disk.start()) == left);
}

TEST_CASE("a dead peer's ranges can be taken over") {
  Disk disk;
  auto ipam = disk.start(config({kSelf, kOther}));
  set_nickname(ipam, kOther, "host2");
  CHECK(ipam.takeover("host1") == 0);
  CHECK(ipam.takeover("nobody") == 0);
  CHECK(ipam.takeover("host2") == 128);
  CHECK(ipam.takeover("02:00:00:00:00:02") == 0);
  CHECK(ipam.ring().entries()[1] == Entry{ip("10.32.0.128"), kSelf, 100, 128});
  CHECK(ipam.allocate("c", cidr("10.32.0.128/25"))->str() == "10.32.0.129/25");
  CHECK(disk.start().ring() == ipam.ring());
}

TEST_CASE("leaving gives the ranges to another owner and cancels what follows") {
  Disk disk;
  auto ipam = disk.start(config({kSelf, kOther}));
  REQUIRE(ipam.allocate("c", kRange));
  CHECK(ipam.leave(kNobody) == kOther);
  CHECK(ipam.ring().owned(kSelf).empty());
  CHECK(ipam.allocate("d", kRange).error().kind == Refusal::Kind::kCancelled);
  CHECK(ipam.claim("d", cidr("10.32.0.9/24")).error().kind == Refusal::Kind::kCancelled);
  CHECK(ipam.lookup("c").size() == 1);
  CHECK(ipam.release_all("c"));
  CHECK(disk.start().ring() == ipam.ring());
  CHECK(ipam.report(kNobody).status == "all IP ranges owned by unreachable peers - use 'rmpeer' if they are dead");
  CHECK(ipam.report([](PeerName) { return true; }).status == "ready");
}

TEST_CASE("leaving as the only peer stores no ring without owners") {
  Disk disk;
  auto ipam = disk.start();
  REQUIRE(ipam.allocate("c", kRange));
  CHECK(ipam.leave(kNobody) == std::nullopt);
  REQUIRE(ipam.release_all("c"));
  auto again = disk.start();
  CHECK(again.ring().owner(ip("10.32.0.1")) == kSelf);
}

TEST_CASE("promises of an election and the voter's identity survive a restart until there is a ring") {
  Disk disk;
  auto elector = config();
  elector.expected = 3;
  elector.uid = 7;
  PaxosTable before;
  {
    Allocator ipam(elector, load(*disk.store), save_to(*disk.store));
    ipam.ask_ring();
    before = *decode_state(*ipam.state())->paxos;
    REQUIRE(before.begin()->first == NodeId{kSelf, 7});
  }
  elector.uid = 8;
  {
    Allocator again(elector, load(*disk.store), save_to(*disk.store));
    CHECK(decode_state(*again.state())->paxos == before);
    Allocator other({kOther, "host2", kRange, kRange, {kOther}}, {}, forget);
    REQUIRE(again.on_state(*other.state(), std::nullopt));
  }
  CHECK_FALSE(disk.store->get("ipam", "election"));
  disk.store->put("ipam", "election", "7 1 me 7");
  CHECK_THROWS_AS(disk.start(), Error);
}

TEST_CASE("nicknames survive a restart") {
  Disk disk;
  auto ipam = disk.start(config({kSelf, kOther}));
  set_nickname(ipam, kOther, "host2");
  auto again = disk.start();
  CHECK(again.nickname(kOther) == "host2");
  CHECK(again.takeover("host2") == 128);
  again.peer_gone(kOther);
  CHECK(disk.start().nickname(kOther).empty());
}

TEST_CASE("random requests agree with a plain model, and the store with both") {
  Disk disk;
  uint32_t seed = 20201124;
  auto random = [&](uint32_t below) {
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
  };
  auto ipam = disk.start();
  std::map<uint32_t, std::string> model;  // offset of the address → ident
  const std::vector<Cidr> subnets{kRange, cidr("10.32.0.0/28"), cidr("10.32.0.16/28"), cidr("10.32.0.240/29")};
  for (int step = 0; step < 1500; ++step) {
    std::string ident = "c" + std::to_string(random(25));
    auto subnet = subnets[random(4)];
    uint32_t offset = random(256);
    Ipv4 address = kRange.address + offset;
    switch (random(5)) {
      case 0:
      case 1: {
        std::set<uint32_t> mine;
        for (const auto& [at, who] : model)
          if (who == ident && subnet.contains(kRange.address + at)) mine.insert(at);
        auto got = ipam.allocate(ident, subnet);
        if (!mine.empty()) {
          REQUIRE(got);
          REQUIRE(mine.contains(got->address - kRange.address));
          break;
        }
        Ipv4 lowest = subnet.host_range().start;
        while (lowest < subnet.host_range().end && model.contains(lowest - kRange.address)) lowest = lowest + 1;
        REQUIRE(got.has_value() == (lowest < subnet.host_range().end));
        if (got) {
          REQUIRE(*got == Cidr{lowest, subnet.prefix});
          model[lowest - kRange.address] = ident;
        }
        break;
      }
      case 2: {
        bool expected = !model.contains(offset) || model[offset] == ident;
        REQUIRE(ipam.claim(ident, {address, 24}).has_value() == expected);
        if (expected) model[offset] = ident;
        break;
      }
      case 3: {
        bool expected = model.contains(offset) && model[offset] == ident;
        REQUIRE(ipam.release(ident, address).has_value() == expected);
        if (expected) model.erase(offset);
        break;
      }
      default: {
        if (random(4) > 0) break;
        bool expected = std::erase_if(model, [&](const auto& one) { return one.second == ident; }) > 0;
        REQUIRE(ipam.release_all(ident).has_value() == expected);
      }
    }
    REQUIRE(ipam.space().used_count() == model.size());
    REQUIRE(ipam.space().free_count() == 256 - (ipam.ring().empty() ? 256 : model.size()));
    REQUIRE(ipam.ring().check());
    for (const auto& [at, who] : model) REQUIRE(ipam.holder(kRange.address + at) == who);
    if (step % 100 == 99) {
      auto again = disk.start();
      REQUIRE(contents(again) == contents(ipam));
      REQUIRE(again.ring() == ipam.ring());
    }
  }
}
