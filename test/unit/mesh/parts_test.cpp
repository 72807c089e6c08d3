// The parts of the mesh, each by itself.
#include <catch2/catch.hpp>

#include "mesh/connections.hpp"
#include "mesh/topology_news.hpp"

using namespace std::chrono_literals;

namespace weave::mesh {
namespace {

const PeerName kA{1}, kB{2}, kC{3};

Handshake with(PeerName name) {
  Handshake remote;
  remote.name = name;
  return remote;
}

}  // namespace

TEST_CASE("a connection is found by id and by peer until it is removed") {
  Connections list;
  list.add(7, with(kA), {});
  REQUIRE(list.find(7));
  CHECK(list.find(7) == list.find(kA));
  CHECK(list.status_of(kA)->id == 7);
  CHECK(list.remove(7) == kA);
  CHECK_FALSE(list.remove(7));
  CHECK_FALSE(list.find(kA));
  CHECK(list.size() == 0);
}

TEST_CASE("a connection is congested by its own bytes, and all are by the sum") {
  Connections list;
  auto& slow = list.add(1, with(kA), {});
  auto& idle = list.add(2, with(kB), {});
  list.note_sent(slow, Connections::kUnicastWindow);
  CHECK_FALSE(list.congested(slow));
  list.note_sent(slow, 1);
  CHECK(list.congested(slow));
  CHECK_FALSE(list.congested(idle));
  list.note_sent(slow, Connections::kUnicastWindowOfAll);
  CHECK(list.congested(idle));
  SECTION("until the bytes are written") {
    list.note_written(slow);
    CHECK_FALSE(list.congested(slow));
    CHECK_FALSE(list.congested(idle));
  }
  SECTION("or the connection is removed") {
    list.remove(1);
    CHECK_FALSE(list.congested(idle));
  }
}

TEST_CASE("a heartbeat is due every half minute, and a silent connection after a minute") {
  Connections list;
  Time start{};
  list.add(1, with(kA), start);
  CHECK(list.next(start + 1h) == start + kHeartbeatInterval);
  CHECK(list.due(start + 29s).heartbeat.empty());
  CHECK(list.due(start + 30s).heartbeat == std::vector<ConnectionId>{1});
  CHECK(list.due(start + 30s).heartbeat.empty());
  list.find(1)->status.last_received = start + 10s;
  CHECK(list.due(start + 69s).silent.empty());
  CHECK(list.due(start + 70s).silent == std::vector<ConnectionId>{1});
}

TEST_CASE("a heartbeat is left out while bytes wait to be written") {
  Connections list;
  auto& connection = list.add(1, with(kA), {});
  list.note_sent(connection, Connections::kGossipWindow);
  CHECK(list.due(Time{} + 30s).heartbeat.empty());
}

TEST_CASE("changes of this peer are announced together a second after the first") {
  Time start{};
  TopologyNews news(100ms, start);
  CHECK(news.next(start + 1h) == start + 1h);
  news.announce(kA, start);
  news.announce(kB, start + 900ms);
  CHECK(news.next(start + 1h) == start + 1s);
  CHECK(news.take_announcement(start + 999ms).empty());
  CHECK(news.take_announcement(start + 1s) == TopologyNews::Names{kA, kB});
  CHECK(news.take_announcement(start + 1h).empty());
}

TEST_CASE("received changes are passed on at once, later ones at the end of the interval") {
  Time start{};
  TopologyNews news(100ms, start);
  CHECK_FALSE(news.attribute_to(kB, start));  // nothing received
  news.received({kA});
  CHECK(news.attribute_to(kB, start));
  CHECK(news.take_relay(start) == std::map<PeerName, TopologyNews::Names>{{kB, {kA}}});
  news.received({kA, kC});
  CHECK_FALSE(news.attribute_to(kB, start + 10ms));
  news.received({kA});
  CHECK_FALSE(news.attribute_to(kC, start + 20ms));
  CHECK_FALSE(news.relay_due(start + 99ms));
  CHECK(news.relay_due(start + 100ms));
  // The neighbour that told a change last needn't be told.
  CHECK(news.take_relay(start + 100ms) == std::map<PeerName, TopologyNews::Names>{{kB, {kC}}, {kC, {kA}}});
  CHECK_FALSE(news.relay_due(start + 1h));
}

}  // namespace weave::mesh
