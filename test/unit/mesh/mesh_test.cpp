// The life of connections and what they mean for the topology.
#include <catch2/catch.hpp>

#include "net.hpp"

using namespace weave;
using namespace weave::mesh;

TEST_CASE("new neighbours exchange their whole topology, changes follow after a second") {
  Router a(1), b(2);
  Net net;
  net.add(a);
  net.add(b);
  net.connect(1, a, b, 99, false);
  CHECK(net.sent[Tag::kGossip] == 2);
  CHECK(net.count<Added>() == 2);
  CHECK(a.mesh.routes().next_hop(two, Edges::kAll) == two);
  CHECK_FALSE(a.mesh.routes().next_hop(two, Edges::kEstablished).value);
  a.mesh.overlay_established(1, net.now);
  b.mesh.overlay_established(1, net.now);
  net.advance(900ms);
  CHECK(net.sent[Tag::kGossip] == 2);
  net.advance(200ms);
  CHECK(net.sent[Tag::kGossip] == 4);
  CHECK(same_topology(a, b));
  CHECK(a.mesh.peers().self().version == 2);
  CHECK(b.mesh.routes().next_hop(one, Edges::kEstablished) == one);
  CHECK(net.count<RoutesChanged>() >= 2);
}

TEST_CASE("a connection to a reachable peer sends no complete topology") {
  Line net;
  net.sent.clear();
  net.connect(13, net.a, net.c, 9, false);
  CHECK(net.sent[Tag::kGossip] == 0);
  net.advance(2s);
  CHECK(same_topology(net.a, net.b));
  CHECK(same_topology(net.a, net.c));
}

TEST_CASE("of two connections between the same peers both sides keep the one with the lower id") {
  Line net;
  net.other.clear();
  net.connect(120, net.b, net.a, 6);
  CHECK(net.closed.front() == "Multiple connections to 00:00:00:00:00:02(n2) added to 00:00:00:00:00:01(n1)");
  CHECK(net.a.mesh.connection_to(two)->id == 120);
  CHECK(net.b.mesh.connection_to(one)->id == 120);
  // Nobody was forgotten meanwhile, least of all those behind.
  CHECK(net.count<PeersGone>() == 0);
  CHECK(net.a.mesh.peers().find(three));
  net.closed.clear();
  net.connect(121, net.b, net.a, 50);
  CHECK_FALSE(net.closed.empty());
  CHECK(net.a.mesh.connection_to(two)->id == 120);
  CHECK(net.a.mesh.connections().size() == 1);
  // The same id twice can't be decided.
  net.connect(122, net.b, net.a, 6);
  CHECK_FALSE(net.a.mesh.connection_to(two));
  CHECK_FALSE(net.b.mesh.connection_to(one));
}

TEST_CASE("connections are refused with Weave Net's reasons") {
  Router a(1, 1);
  auto refusal = [&](Handshake remote) {
    a.mesh.take();
    a.mesh.connection_ready(77, remote, start);
    for (auto& effect : a.mesh.take())
      if (auto* close = std::get_if<Close>(&effect)) return close->reason + (close->never_retry ? " !" : "");
    return std::string("added");
  };
  CHECK(refusal({.name = one, .nickname = "n1", .uid = 101}) == "cannot connect to ourself !");
  CHECK(refusal({.name = one, .nickname = "evil", .uid = 5}) ==
        "local \"00:00:00:00:00:01(n1)\" and remote \"00:00:00:00:00:01(evil)\" peer names collision");
  CHECK(refusal({.name = two, .uid = 5, .address = "10.0.0.2:6783", .outbound = true, .introduces = false}) ==
        "Found unknown remote name: 00:00:00:00:00:02 at 10.0.0.2:6783");
  CHECK(refusal({.name = {}, .uid = 5}) == "invalid peer name 00:00:00:00:00:00");
  CHECK(refusal({.name = two, .uid = 5}) == "added");
  a.mesh.connection_ready(78, {.name = three, .uid = 6}, start);
  CHECK(std::get<Close>(a.mesh.take().back()).reason == "Connection limit reached (1)");
  CHECK_FALSE(a.mesh.peers().find(three));
}

TEST_CASE("heartbeats are sent every 30 s; a peer that is silent for 60 s is disconnected and forgotten") {
  Router a(1), b(2);
  Net net;
  net.add(a);
  net.add(b);
  net.connect(1, a, b, 99);
  net.advance(301s);
  CHECK(net.sent[Tag::kHeartbeat] == 20);
  CHECK(net.closed.empty());
  net.routers = {&a};  // b is gone; a's messages end in the void
  net.cables.clear();
  net.advance(61s);
  CHECK(net.closed == std::vector<std::string>{"no message for 60 s"});
  CHECK(a.mesh.peers().table().size() == 1);
  REQUIRE(net.count<PeersGone>() == 1);
}

TEST_CASE("a restarted peer gets the whole topology and a higher version than before") {
  Line net;
  net.advance(10s);
  auto before = net.a.mesh.peers().find(three)->version;
  CHECK(before >= 2);
  Router again(3, 200, 999);
  net.routers.back() = &again;
  net.cables.erase(23);
  net.sent.clear();
  // The old connection hasn't been noticed to be dead, so the entry is still there.
  net.connect(230, again, net.b, 3, false);
  CHECK(net.sent[Tag::kGossip] >= 2);
  CHECK(again.mesh.peers().self().version > before);
  net.b.mesh.overlay_established(230, net.now);
  again.mesh.overlay_established(230, net.now);
  net.advance(3s);
  CHECK(net.a.mesh.peers().find(three)->uid == 999);
  CHECK(same_topology(net.a, again));
  CHECK(same_topology(net.b, again));
}

TEST_CASE("of two peers with one short id the one with the higher name takes another") {
  Router a(1, 200, 0, 42), b(2, 200, 0, 42);
  Net net;
  net.add(a);
  net.add(b);
  net.connect(1, a, b, 99);
  net.advance(3s);
  CHECK(a.mesh.peers().self().short_id == 42);
  CHECK(b.mesh.peers().self().short_id != 42);
  CHECK(same_topology(a, b));
  CHECK(net.count<ShortIdsChanged>() >= 1);
}

TEST_CASE("messages that would crash an old peer can't be sent, and are ignored when they come") {
  Router a(1);
  a.mesh.connection_ready(1, {.name = two, .uid = 5, .overlays = 2}, start);
  a.mesh.connection_ready(2, {.name = three, .uid = 6, .overlays = 0}, start);
  a.mesh.take();
  auto bytes = [](std::initializer_list<uint8_t> list) { return Bytes(list); };
  CHECK_FALSE(a.mesh.overlay_send(1, Tag::kOverlayControl, {}, start));
  CHECK_FALSE(a.mesh.overlay_send(1, Tag::kOverlayControl, bytes({0}), start));
  CHECK_FALSE(a.mesh.overlay_send(1, Tag::kOverlayControl, bytes({2, 1}), start));
  CHECK_FALSE(a.mesh.overlay_send(1, Tag::kConnectionEstablished, {}, start));
  CHECK_FALSE(a.mesh.overlay_send(1, Tag::kGossip, bytes({0, 1}), start));
  CHECK_FALSE(a.mesh.overlay_send(2, Tag::kOverlayControl, bytes({0, 1}), start));
  CHECK(a.mesh.take().empty());
  CHECK(a.mesh.overlay_send(1, Tag::kOverlayControl, bytes({1, 1}), start));
  CHECK(a.mesh.overlay_send(2, Tag::kPmtuVerified, bytes({5, 0x9e}), start));
  auto sent = a.mesh.take();
  REQUIRE(sent.size() == 2);
  CHECK(std::get<Send>(sent[0]).message == bytes({7, 1, 1}));
  CHECK(std::get<Send>(sent[1]).message == bytes({3, 5, 0x9e}));

  for (const auto& bad : {bytes({7}), bytes({7, 0}), bytes({7, 2, 1}), bytes({1}), bytes({}), bytes({9, 9})})
    a.mesh.message(1, bad, start);
  a.mesh.message(2, bytes({7, 0, 1}), start);
  CHECK(a.mesh.take().empty());
  a.mesh.message(1, bytes({7, 1, 3, 5, 0x9e}), start);
  a.mesh.message(2, bytes({1}), start);
  auto control = a.mesh.take();
  REQUIRE(control.size() == 2);
  CHECK(std::get<OverlayMessage>(control[0]).payload == bytes({1, 3, 5, 0x9e}));
  CHECK(std::get<OverlayMessage>(control[1]).tag == Tag::kConnectionEstablished);
}

TEST_CASE("a malformed message closes its own connection only") {
  for (const auto& c : vectors("mesh/decode-verdicts.json", "cases")) {
    Line net;
    auto payload = unhex(c.at("hex"));
    auto message = encode_envelope(Tag::kGossip, {"topology", one, {}, payload});
    net.b.mesh.message(12, message, net.now);
    net.settle();
    INFO(c.at("name"));
    CHECK(net.b.mesh.connection_to(three));
    if (!c.at("accepted_by_reference").get<bool>()) CHECK_FALSE(net.b.mesh.connection_to(one));
  }
  Line net;
  net.b.mesh.message(12, encode_envelope(Tag::kGossip, {"x", one, {}, as_bytes("poison")}), net.now);
  net.settle();
  CHECK(net.closed == std::vector<std::string>{"poisoned"});
  CHECK(net.b.mesh.connection_to(three));
}

TEST_CASE("a peer that nobody reaches any more is forgotten everywhere") {
  Line net;
  net.other.clear();
  net.cables.erase(23);
  net.b.mesh.connection_closed(23, "reset", net.now);
  net.c.mesh.connection_closed(23, "reset", net.now);
  net.advance(3s);
  CHECK_FALSE(net.b.mesh.peers().find(three));
  CHECK_FALSE(net.a.mesh.peers().find(three));
  CHECK(net.c.mesh.peers().table().size() == 1);
  CHECK(net.count<PeersGone>() == 3);
}

TEST_CASE("the status shows peers, routes and connections") {
  Line net;
  auto status = net.b.mesh.status();
  CHECK(status.self.str() == "00:00:00:00:00:02(n2)");
  CHECK(status.peers.size() == 3);
  CHECK(status.unicast_routes == std::map<PeerName, PeerName>{{one, one}, {two, {}}, {three, three}});
  CHECK(status.broadcast_routes.at(two) == std::vector{one, three});
  REQUIRE(status.connections.size() == 2);
  CHECK(status.connections[0].established);
  CHECK(status.connections[0].remote.address == "10.0.0.1:40000");
  CHECK_FALSE(status.connections[0].remote.outbound);
}

TEST_CASE("recorded messages of Weave Net routers are accepted") {
  Router a(0x020000000001, 200, 15252263266024547486u, 1751);
  a.mesh.connection_ready(1, {{0x020000000002}, "b", 16612014435761253032u, 1915, 1, "10.88.0.2:41000", false, true, 1},
                          start);
  size_t control = 0;
  for (const auto& e : vectors("mesh/live-three-peers.json", "events")) {
    if (e.at("to") != "a" || !e.contains("message_hex") || e.at("what") == "features") continue;
    auto at = start + std::chrono::milliseconds(static_cast<int>(e.at("t").get<double>() * 1000));
    a.mesh.tick(at);
    a.mesh.message(1, unhex(e.at("message_hex")), at);
    for (auto& effect : a.mesh.take()) {
      CHECK_FALSE(std::holds_alternative<Close>(effect));
      control += std::holds_alternative<OverlayMessage>(effect);
    }
  }
  CHECK(control >= 3);
  CHECK(a.mesh.peers().table().size() == 3);
  CHECK(a.mesh.peers().find({0x020000000003})->nickname == "c");
  CHECK(a.mesh.routes().next_hop({0x020000000003}, Edges::kAll) == PeerName{0x020000000002});
}
