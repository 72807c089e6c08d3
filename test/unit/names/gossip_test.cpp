// Several databases and their channels, connected by hand: what one says is given to the others.
#include "names/gossip.hpp"

#include <catch2/catch.hpp>

#include "base/hex.hpp"
#include "base/log.hpp"
#include "unit/names/entries.hpp"
#include "unit/vectors.hpp"

using namespace weave;
using namespace weave::names;

namespace {

constexpr Ipv4 one{0x0a200001}, two{0x0a200002};
constexpr PeerName us{0x0a}, other{0x0b}, third{0x0c};
constexpr int64_t start = 1700000000;

struct Peer {
  explicit Peer(PeerName self)
      : database(self, "weave.local"), gossiper(database, hooks()), channel(gossiper.channel()) {
    log::set_level(log::Level::kError);
  }

  GossipHooks hooks() {
    return {.now = [this] { return now; },
            .known = [this](PeerName peer) { return !unknown.contains(peer); },
            .broadcast = [this](gossip::Gossip data) { broadcasts.push_back(std::move(data)); },
            .changed = [this](const Entries& list) { changed.insert(changed.end(), list.begin(), list.end()); },
            .erased = [this](const Entries& list) { erased.insert(erased.end(), list.begin(), list.end()); },
            .neighbour = [this] { return neighbour; }};
  }
  void add(std::string_view name, std::string_view container, Ipv4 address) {
    gossiper.publish(database.add(name, container, address).value());
  }
  void state_to(Peer& to) {
    to.neighbour = database.self();
    for (const auto& message : channel.gossip()->encode()) to.news = to.channel.on_gossip(message).value();
  }
  void broadcasts_to(Peer& to) {
    for (const auto& data : std::exchange(broadcasts, {}))
      for (const auto& message : data->encode()) to.news = to.channel.on_broadcast(database.self(), message).value();
  }

  int64_t now = start;
  std::set<PeerName> unknown;
  std::vector<gossip::Gossip> broadcasts;
  Entries changed, erased;
  PeerName neighbour;
  gossip::Gossip news;  // what the last message made us pass on
  Database database;
  Gossiper gossiper;
  gossip::Channel channel;
};

Message only(const gossip::Gossip& data) {
  REQUIRE(data);
  auto messages = data->encode();
  REQUIRE(messages.size() == 1);
  return decode(messages[0]).value();
}

}  // namespace

TEST_CASE("received gossip is merged, relayed and answered as by Weave Net") {
  auto cases = test::vectors("dns/gossip-merge.json");
  for (const auto& c : cases) {
    if (c.at("Meaning").get<std::string>().starts_with("KNOWN BUG")) continue;
    DYNAMIC_SECTION(c.at("Name").get<std::string>()) {
      for (bool broadcast : {false, true}) {
        auto self = *PeerName::parse(c.at("OurName").get<std::string>());
        Peer peer(self);
        peer.now = c.at("Now").get<int64_t>();
        // Our own entries come into being by the same rules; where that takes more than one step, names_test has it.
        Entries before = entries_from(c.at("StateBefore"));
        bool reachable = true;
        for (const auto& e : before) reachable = reachable && e.origin != self;
        if (!reachable) continue;
        peer.database.receive(before, peer.now, peer.now, [](PeerName) { return true; }).value();
        std::set<PeerName> known;
        for (const auto& p : c.at("KnownPeers")) known.insert(*PeerName::parse(p.get<std::string>()));
        for (const auto& e : entries_from(c.at("Incoming")))
          if (!known.contains(e.origin)) peer.unknown.insert(e.origin);

        auto bytes = *from_hex(c.at("IncomingHex").get<std::string>());
        auto onward = broadcast ? peer.channel.on_broadcast(other, bytes) : peer.channel.on_gossip(bytes);
        REQUIRE(onward);
        CHECK(peer.database.entries() == entries_from(c.at("StateAfter")));
        auto changed = entries_from(c.at("NewEntriesReturnedByPeriodicGossip"));
        CHECK(peer.changed == changed);
        auto expected = broadcast ? entries_from(c.at("EntriesRelayedWhenBroadcast")) : changed;
        if (c.contains("Error")) {
          CHECK(peer.gossiper.status().skewed == 1);
          CHECK_FALSE(*onward);
          continue;
        }
        REQUIRE((*onward != nullptr) == !expected.empty());
        if (*onward)
          CHECK(only(*onward) == Message{broadcast ? c.at("IncomingTimestamp").get<int64_t>() : peer.now, expected});
        const auto& own = c.at("OwnBroadcastsTriggered");
        REQUIRE(peer.broadcasts.size() == own.size());
        if (!own.empty()) CHECK(only(peer.broadcasts[0]).entries == entries_from(own.at(0)));
      }
    }
  }
}

TEST_CASE("registrations and removals reach other peers and their DNS servers") {
  Peer a(us), b(other);
  a.add("Web.weave.local", "c1", one);
  CHECK(a.changed.size() == 1);
  a.broadcasts_to(b);
  CHECK(b.database.lookup("web.weave.local") == std::vector<Ipv4>{one});
  CHECK(b.changed == a.changed);
  a.gossiper.publish(a.database.container_died("c1", a.now));
  a.broadcasts_to(b);
  CHECK(b.database.lookup("web.weave.local").empty());
  CHECK_FALSE(b.changed.back().live());
  CHECK(only(b.news).entries == Entries{b.changed.back()});
}

TEST_CASE("a relayed broadcast keeps the time of its origin, relayed gossip has ours") {
  Peer a(us), b(other);
  b.now = start + 100;
  a.add("web.weave.local", "c1", one);
  a.broadcasts_to(b);
  CHECK(only(b.news).timestamp == start);
  a.database.add("db.weave.local", "c2", two).value();
  a.state_to(b);
  CHECK(only(b.news) == Message{start + 100, {{"db.weave.local.", us, "c2", two}}});
  a.state_to(b);
  CHECK_FALSE(b.news);
}

TEST_CASE("an empty state is sent too") {
  Peer a(us);
  CHECK(only(a.channel.gossip()) == Message{start, {}});
}

TEST_CASE("peers with clocks too far apart exchange no names, report it, and stay connected") {
  Peer a(us), b(other);
  b.now = start + kMaxClockSkew + 1;
  a.add("web.weave.local", "c1", one);
  a.broadcasts_to(b);
  a.state_to(b);
  CHECK(b.database.entries().empty());
  auto status = b.gossiper.status();
  CHECK(status.skewed == 2);
  REQUIRE(status.skews.size() == 1);
  CHECK(status.skews[0].peer == us);
  CHECK(status.skews[0].seconds == -kMaxClockSkew - 1);

  b.now = start + kMaxClockSkew;  // somebody has set the clock
  a.state_to(b);
  CHECK(b.database.live() == 1);
  CHECK(b.gossiper.status().skews.empty());
}

TEST_CASE("a clock skew that is no longer seen is forgotten") {
  Peer a(us), b(other);
  b.now = start + 10000;
  a.state_to(b);
  CHECK(b.gossiper.status().skews.size() == 1);
  b.now += 601;
  CHECK(b.gossiper.status().skews.empty());
}

TEST_CASE("clocks at the ends of their range are told apart") {
  CHECK(clock_skew(INT64_MIN, 5) == INT64_MIN);
  CHECK(clock_skew(INT64_MAX, -5) == INT64_MAX);
  CHECK(clock_skew(5, 7) == -2);
  Peer a(us), b(other);
  a.now = INT64_MIN;
  a.state_to(b);
  CHECK(b.gossiper.status().skewed == 1);
}

TEST_CASE("malformed messages are dropped and counted") {
  Peer a(us);
  CHECK(a.channel.on_gossip({}).value() == nullptr);
  CHECK(a.channel.on_broadcast(other, as_bytes("nonsense")).value() == nullptr);
  CHECK(a.channel.on_unicast(other, as_bytes("nonsense")));
  CHECK(a.gossiper.status().malformed == 2);
  CHECK(a.gossiper.status().received == 2);
}

TEST_CASE("a restarted peer tombstones its unknown names and revives its known ones") {
  Peer b(other);
  {
    Peer before(us);
    before.add("stays.weave.local", "c1", one);
    before.add("went.weave.local", "c2", two);
    before.broadcasts_to(b);
  }
  Peer after(us);
  after.now += 60;
  b.now += 60;
  after.add("stays.weave.local", "c1", one);
  b.state_to(after);  // both names, live
  CHECK(after.database.lookup("went.weave.local").empty());
  after.broadcasts_to(b);
  CHECK(b.database.lookup("went.weave.local").empty());
  CHECK(b.database.lookup("stays.weave.local") == std::vector<Ipv4>{one});
  // The container comes back late: a higher version than the tombstone's.
  after.add("went.weave.local", "c2", two);
  after.broadcasts_to(b);
  CHECK(b.database.lookup("went.weave.local") == std::vector<Ipv4>{two});
  CHECK(b.database.entries() == after.database.entries());
}

TEST_CASE("a restarted peer revives a name whose tombstone others still hold") {
  Peer b(other);
  {
    Peer before(us);
    before.add("web.weave.local", "c1", one);
    before.gossiper.publish(before.database.container_died("c1", start));
    before.broadcasts_to(b);
  }
  Peer after(us);
  after.add("web.weave.local", "c1", one);
  after.broadcasts_to(b);
  CHECK(b.database.live() == 0);  // version 0 against a tombstone of version 1
  b.state_to(after);
  after.broadcasts_to(b);
  CHECK(b.database.live() == 1);
  CHECK(b.database.entries() == after.database.entries());
}

TEST_CASE("a partition: each side forgets the other and learns it again") {
  Peer a(us), b(other), c(third);
  a.add("a.weave.local", "ca", one);
  b.add("b.weave.local", "cb", two);
  a.state_to(b);
  b.state_to(a);
  a.state_to(c);
  // a is cut off; c is late to notice.
  b.unknown = {us};
  b.gossiper.peer_gone(us);
  a.gossiper.peer_gone(other);
  CHECK(b.erased == Entries{{"a.weave.local.", us, "ca", one}});
  CHECK(b.database.live() == 1);
  c.state_to(b);
  CHECK(b.database.live() == 1);  // what c still says of a peer that b doesn't know
  a.broadcasts.clear();
  a.gossiper.publish(a.database.container_died("ca", a.now));  // nobody hears it
  a.broadcasts.clear();
  a.add("new.weave.local", "cn", one);
  a.broadcasts.clear();
  b.unknown.clear();
  c.state_to(b);  // the old live entry comes back for a moment
  a.state_to(b);
  b.state_to(a);
  a.broadcasts_to(b);
  CHECK(b.database.lookup("a.weave.local").empty());
  CHECK(b.database.lookup("new.weave.local") == std::vector<Ipv4>{one});
  CHECK(a.database.entries() == b.database.entries());
}

TEST_CASE("our own names are never removed as those of a lost peer") {
  Peer a(us);
  a.add("a.weave.local", "ca", one);
  a.gossiper.peer_gone(us);
  CHECK(a.database.live() == 1);
  CHECK(a.erased.empty());
}

TEST_CASE("waiting updates are merged: newest entries, latest time, no key twice") {
  Database database(us, "weave.local");
  auto now = [] { return start; };
  Entry v0{"web.weave.local.", us, "c", one}, v1{"WEB.weave.local.", us, "c", one, 1, 9},
      extra{"db.weave.local.", us, "c", two};
  auto first = update(database, now, 7, {v0}), second = update(database, now, 5, {v1, extra});
  CHECK(only(first->merged(*second)) == Message{7, {v1, extra}});
  CHECK(first->merged(*second)->held() >= first->held());
  auto all = whole_state(database, now);
  CHECK(all->held() == 0);
  CHECK(only(first->merged(*all)) == Message{start, {}});
  CHECK(only(all->merged(*first)) == Message{start, {}});
}

TEST_CASE("too many waiting updates become a reference to the whole state") {
  Peer a(us);
  gossip::Gossip waiting;
  size_t most = 0;
  for (uint32_t i = 0; i < 400; ++i) {
    Entries list;
    for (uint32_t j = 0; j < 100; ++j) {
      auto added = a.database.add(fmt::format("n{}.weave.local", i * 100 + j), std::string(64, 'c'), Ipv4{i});
      list.push_back(added->front());
    }
    auto more = update(
        a.database, [] { return start; }, start, std::move(list));
    waiting = waiting ? waiting->merged(*more) : more;
    most = std::max(most, waiting->held());
  }
  CHECK(most <= kMaxUpdate);
  CHECK(waiting->held() == 0);

  // And in messages that fit, which together say all.
  Peer b(other);
  size_t messages = 0;
  for (const auto& message : waiting->encode()) {
    CHECK(message.size() <= kMaxPayload + 1024);
    REQUIRE(b.channel.on_gossip(message));
    ++messages;
  }
  CHECK(messages > 3);
  CHECK(b.database.live() == 40000);
}

TEST_CASE("a waiting state is encoded anew when it has changed") {
  Peer a(us);
  auto state = a.channel.gossip();
  CHECK(only(state).entries.empty());
  a.add("a.weave.local", "ca", one);
  CHECK(only(state).entries.size() == 1);
  a.now += 5;
  CHECK(only(state).timestamp == start + 5);
}
