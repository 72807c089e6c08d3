#include "names/names.hpp"

#include <catch2/catch.hpp>

#include "unit/names/entries.hpp"
#include "unit/vectors.hpp"

using namespace weave;
using names::Database;
using names::Entries;
using names::Entry;

namespace {

const PeerName us{0x0a}, other{0x0b};
const Ipv4 one{0x0a200001}, two{0x0a200002};
auto everybody = [](PeerName) { return true; };

}  // namespace

TEST_CASE("gossip merges as Weave Net merges it") {
  auto cases = test::vectors("dns/gossip-merge.json");
  REQUIRE(cases.size() == 21);
  for (const auto& c : cases) {
    auto name = c.at("Name").get<std::string>();
    if (c.at("Meaning").get<std::string>().starts_with("KNOWN BUG")) continue;  // the two tests after this one
    DYNAMIC_SECTION(name) {
      auto self = *PeerName::parse(c.at("OurName").get<std::string>());
      auto now = c.at("Now").get<int64_t>();
      Database database(self, "weave.local.");
      Entries before = names::entries_from(c.at("StateBefore"));
      for (const auto& e : before) {
        if (e.origin != self) REQUIRE(database.receive({e}, now, now, everybody));
        if (e.origin != self) continue;
        REQUIRE(database.add(e.hostname, e.container, e.address));
        if (!e.live()) database.remove({.hostname = e.hostname}, e.tombstone);
        if (e.version <= (e.live() ? 0 : 1)) continue;
        // Somebody has our entry wrong, one version below the one we want.
        auto wrong = e;
        wrong.version = e.version - 1;
        wrong.tombstone = e.live() ? 1 : 0;
        REQUIRE(database.receive({wrong}, now, now, everybody));
      }
      REQUIRE(database.entries() == before);

      std::set<PeerName> peers;
      for (const auto& p : c.at("KnownPeers")) peers.insert(*PeerName::parse(p.get<std::string>()));
      auto received = database.receive(names::entries_from(c.at("Incoming")), c.at("IncomingTimestamp").get<int64_t>(),
                                       now, [&](PeerName p) { return peers.contains(p); });
      CHECK(database.entries() == names::entries_from(c.at("StateAfter")));
      if (c.contains("Error")) {
        REQUIRE_FALSE(received);
        CHECK(received.error() == c.at("Error").get<std::string>());
        continue;
      }
      REQUIRE(received);
      CHECK(received->changed == names::entries_from(c.at("NewEntriesReturnedByPeriodicGossip")));
      CHECK(received->relay == names::entries_from(c.at("EntriesRelayedWhenBroadcast")));
      Entries own;
      if (!c.at("OwnBroadcastsTriggered").is_null()) own = names::entries_from(c.at("OwnBroadcastsTriggered").at(0));
      CHECK(received->overridden == own);
    }
  }
}

TEST_CASE("two spellings of one name are one entry, stored and relayed once") {
  Database database(us, "weave.local");
  Entry small{"foo.weave.local.", other, "c", one}, big{"Foo.weave.local.", other, "c", one};
  auto first = database.receive({small, big}, 0, 0, everybody);
  CHECK(first->relay.size() == 1);
  CHECK(first->changed.size() == 1);
  for (int round = 0; round < 3; ++round) CHECK(database.receive({big, small}, 0, 0, everybody)->changed.empty());
  CHECK(database.gossip().size() == 1);
  big.version = 1;
  CHECK(database.receive({small, big}, 0, 0, everybody)->relay == Entries{big});
  CHECK(database.gossip() == Entries{big});
}

TEST_CASE("a message with the same key twice is merged by the ordinary rule") {
  Database database(us, "weave.local");
  Entry live{"foo.weave.local.", other, "c", one}, dead = live;
  dead.version = 1;
  dead.tombstone = 1699999995;
  auto received = database.receive({live, dead}, 1700000000, 1700000000, everybody);
  CHECK(received->changed == Entries{dead});
  CHECK(database.entries() == Entries{dead});
}

TEST_CASE("our name that others hold in another spelling is sent in their spelling") {
  Database database(us, "weave.local");
  auto received = database.receive({{"Foo.weave.local.", us, "c", one, 4}}, 9, 9, everybody);
  REQUIRE(received->overridden.size() == 1);
  auto added = database.add("foo.weave.local", "c", one);
  CHECK(*added == Entries{{"Foo.weave.local.", us, "c", one, 6}});
}

TEST_CASE("a name can be registered, registered again and revived after removal") {
  Database database(us, "Weave.Local");
  CHECK(*database.add("Web1.weave.local", "c1", one) == Entries{{"web1.weave.local.", us, "c1", one, 0, 0}});
  CHECK(*database.add("web1.weave.local.", "c1", one) == Entries{{"web1.weave.local.", us, "c1", one, 0, 0}});
  CHECK(database.container_died("c1", 7) == Entries{{"web1.weave.local.", us, "c1", one, 1, 7}});
  CHECK(database.container_died("c1", 8).empty());
  CHECK(database.lookup("web1.weave.local").empty());
  CHECK(database.add("web1.weave.local.", "c1", one)->front().version == 2);
  CHECK(database.lookup("WEB1.weave.local") == std::vector<Ipv4>{one});
  CHECK(*database.reverse(one) == "web1.weave.local.");
  CHECK_FALSE(database.reverse(two));
}

TEST_CASE("names that DNS cannot encode and names outside the domain are refused with a reason") {
  Database database(us, "weave.local");
  for (std::string bad : {"", ".", "web1", "web1.example.com", "xweave.local", "weave.local", "weave.local.",
                          ".weave.local", "a..weave.local", "*.weave.local", "a b.weave.local", "a\\.b.weave.local"}) {
    INFO(bad);
    auto refused = database.add(bad, "c", one);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().find('"' + bad + '"') != std::string::npos);
  }
  CHECK_FALSE(database.add(std::string(64, 'x') + ".weave.local", "c", one));
  CHECK(database.add(std::string(63, 'x') + ".weave.local", "c", one));
  CHECK(database.add("my_app_1.weave.local", "c", one));
}

TEST_CASE("removal matches every criterion that is given, and only our entries") {
  Database database(us, "weave.local");
  database.add("a.weave.local", "c1", one).value();
  database.add("a.weave.local", "c1", two).value();
  database.add("b.weave.local", "c2", one).value();
  database.receive({{"a.weave.local.", other, "c1", one}}, 5, 5, everybody).value();
  CHECK(database.remove({.hostname = "A.weave.local", .address = two}, 5).size() == 1);
  CHECK(database.remove({.hostname = "b.weave.local", .container = "c1"}, 5).empty());
  CHECK(database.remove({}, 5).size() == 2);
  CHECK(database.lookup("a.weave.local") == std::vector<Ipv4>{one});
  CHECK(database.live() == 1);
  CHECK(database.own_live() == 0);
}

TEST_CASE("names and tombstones of a lost peer are removed") {
  Database database(us, "weave.local");
  database.receive({{"a.weave.local.", other, "c", one}, {"b.weave.local.", other, "c", one, 1, 4}}, 5, 5, everybody)
      .value();
  CHECK(database.peer_gone(other).size() == 1);
  CHECK(database.entries().empty());
  CHECK(database.index().size() == 0);
}

TEST_CASE("tombstones are collected when they are older than half an hour") {
  Database database(us, "weave.local");
  database.add("a.weave.local", "c", one).value();
  database.remove({}, 1000);
  CHECK(database.collect(2800) == 0);
  CHECK(database.collect(2801) == 1);
  CHECK(database.entries().empty());
}

TEST_CASE("gossip with a name that DNS cannot encode is relayed but never answered") {
  Database database(us, "weave.local");
  auto received = database.receive({{".weave.local.", other, "c", one}}, 5, 5, everybody);
  CHECK(received->changed.size() == 1);
  CHECK(database.gossip().size() == 1);
  CHECK(database.lookup(".weave.local.").empty());
  CHECK_FALSE(database.reverse(one));
}

TEST_CASE("a version at the end of its range doesn't overflow") {
  Database database(us, "weave.local");
  auto received = database.receive({{"a.weave.local.", us, "c", one, INT64_MAX}}, 5, 5, everybody);
  CHECK(received->overridden.front().version == INT64_MAX);
  CHECK_FALSE(database.receive({}, INT64_MIN, 5, everybody));
}

TEST_CASE("several addresses of a name and several names of an address come in state order") {
  Database database(us, "weave.local");
  database.add("b.weave.local", "c2", two).value();
  database.add("b.weave.local", "c1", one).value();
  database.add("a.weave.local", "c9", one).value();
  CHECK(database.lookup("b.weave.local") == std::vector<Ipv4>{one, two});
  CHECK(*database.reverse(one) == "a.weave.local.");
  database.remove({.hostname = "a.weave.local"}, 1);
  CHECK(*database.reverse(one) == "b.weave.local.");
}
