#include "mesh/mesh.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "base/log.hpp"
#include "mesh/topology.hpp"
#include "vectors.hpp"

using namespace weave;
using namespace weave::mesh;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

const Time start{};
const PeerName one{1}, two{2}, three{3}, four{4};

Gossip opaque(std::string_view text) {
  auto bytes = as_bytes(text);
  return std::make_shared<OpaqueData>(Bytes(bytes.begin(), bytes.end()));
}

// A router with a channel "x" that passes on whatever is gossiped, and keeps account.
struct Router {
  explicit Router(uint64_t name, size_t limit = 200, uint64_t uid = 0, std::optional<ShortId> id = {})
      : mesh({.self = {{name}, "n" + std::to_string(name), uid ? uid : 100 + name, 0, id ? *id : ShortId(name), {}},
              .connection_limit = limit,
              .random = [engine = std::mt19937_64(name)]() mutable { return engine(); }},
             start) {
    static bool quiet = (log::set_level(log::Level::error), true);
    (void)quiet;
    mesh.add_channel(
        "x", {[] { return Gossip(); },
              [this](ByteView data) -> Result<Gossip> {
                if (as_text(data) == "poison") return Refused("poisoned");
                received.push_back("gossip " + std::string(as_text(data)));
                return opaque(as_text(data));
              },
              [this](PeerName from, ByteView data) -> Result<Gossip> {
                received.push_back("broadcast " + std::to_string(from.value) + " " + std::string(as_text(data)));
                return opaque(as_text(data));
              },
              [this](PeerName from, ByteView data) -> Result<void> {
                received.push_back("unicast " + std::to_string(from.value) + " " + std::string(as_text(data)));
                return {};
              }});
  }
  PeerName name() const { return mesh.peers().self().name; }

  Mesh mesh;
  std::vector<std::string> received;
};

// Several routers and instant cables between them.
struct Net {
  struct Cable {
    Router *a, *b;
  };
  std::map<ConnectionId, Cable> cables;
  std::vector<Router*> routers;
  std::vector<std::string> closed;
  std::vector<Effect> other;  // effects that aren't Send or Close
  std::map<Tag, size_t> sent;
  Time now = start;
  bool drain = true;

  void add(Router& router) { routers.push_back(&router); }
  static Handshake remote(Router& r, uint64_t conn_uid, bool outbound) {
    const auto& self = r.mesh.peers().self();
    return {self.name,     self.nickname, self.uid,
            self.short_id, conn_uid,      "10.0.0." + std::to_string(self.name.value) + (outbound ? ":6783" : ":40000"),
            outbound,      true,          2};
  }
  void connect(ConnectionId id, Router& a, Router& b, uint64_t conn_uid, bool establish = true) {
    cables[id] = {&a, &b};
    a.mesh.connection_ready(id, remote(b, conn_uid, true), now);
    b.mesh.connection_ready(id, remote(a, conn_uid, false), now);
    if (establish) {
      a.mesh.overlay_established(id, now);
      b.mesh.overlay_established(id, now);
    }
    settle();
  }
  void settle() {
    for (bool busy = true; busy;) {
      busy = false;
      for (auto* router : routers)
        for (auto& effect : router->mesh.take()) {
          busy = true;
          if (auto* send = std::get_if<Send>(&effect)) {
            ++sent[static_cast<Tag>(send->message.at(0))];
            auto cable = cables.find(send->connection);
            if (cable == cables.end()) continue;
            auto* to = cable->second.a == router ? cable->second.b : cable->second.a;
            to->mesh.message(send->connection, send->message, now);
            if (drain) router->mesh.writable(send->connection, now);
          } else if (auto* close = std::get_if<Close>(&effect)) {
            closed.push_back(close->reason);
            auto cable = cables.extract(close->connection);
            if (cable.empty()) continue;
            auto* to = cable.mapped().a == router ? cable.mapped().b : cable.mapped().a;
            to->mesh.connection_closed(close->connection, "closed by peer", now);
          } else {
            other.push_back(std::move(effect));
          }
        }
    }
  }
  void advance(std::chrono::milliseconds by) {
    for (auto end = now + by; now < end;) {
      Time next = end;
      for (auto* router : routers) next = std::min(next, router->mesh.next_tick());
      now = std::max(now, next);
      for (auto* router : routers) router->mesh.tick(now);
      settle();
    }
  }
  template <class T>
  size_t count() const {
    return std::count_if(other.begin(), other.end(), [](auto& e) { return std::holds_alternative<T>(e); });
  }
};

bool same_topology(const Router& a, const Router& b) {
  return a.mesh.peers().table() == b.mesh.peers().table();
}

// 1 - 2 - 3
struct Line : Net {
  Router a{1}, b{2}, c{3};
  Line() {
    for (auto* r : {&a, &b, &c}) add(*r);
    connect(12, a, b, 7);
    connect(23, b, c, 8);
    advance(2s);
  }
};

}  // namespace

TEST_CASE("strangers tell each other everything, changes follow a second later, and all agree") {
  Router a(1), b(2);
  Net net;
  net.add(a);
  net.add(b);
  net.connect(1, a, b, 99, false);
  CHECK(net.sent[Tag::gossip] == 2);
  CHECK(net.count<Added>() == 2);
  CHECK(a.mesh.routes().next_hop(two, Edges::all) == two);
  CHECK_FALSE(a.mesh.routes().next_hop(two, Edges::established).value);
  a.mesh.overlay_established(1, net.now);
  b.mesh.overlay_established(1, net.now);
  net.advance(900ms);
  CHECK(net.sent[Tag::gossip] == 2);
  net.advance(200ms);
  CHECK(net.sent[Tag::gossip] == 4);
  CHECK(same_topology(a, b));
  CHECK(a.mesh.peers().self().version == 2);
  CHECK(b.mesh.routes().next_hop(one, Edges::established) == one);
  CHECK(net.count<RoutesChanged>() >= 2);
}

TEST_CASE("a connection to a peer that we reach already brings no complete gossip") {
  Line net;
  net.sent.clear();
  net.connect(13, net.a, net.c, 9, false);
  CHECK(net.sent[Tag::gossip] == 0);
  net.advance(2s);
  CHECK(same_topology(net.a, net.b));
  CHECK(same_topology(net.a, net.c));
}

TEST_CASE("of two connections between the same peers the one with the lower id stays, on both sides") {
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

TEST_CASE("whom we don't let in, in Weave Net's words") {
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
        "local \"00:00:00:00:00:01(n1)\" and remote \"00:00:00:00:00:01(evil)\" peer names collision !");
  CHECK(refusal({.name = two, .uid = 5, .address = "10.0.0.2:6783", .outbound = true, .introduces = false}) ==
        "Found unknown remote name: 00:00:00:00:00:02 at 10.0.0.2:6783");
  CHECK(refusal({.name = {}, .uid = 5}) == "invalid peer name 00:00:00:00:00:00");
  CHECK(refusal({.name = two, .uid = 5}) == "added");
  a.mesh.connection_ready(78, {.name = three, .uid = 6}, start);
  CHECK(std::get<Close>(a.mesh.take().back()).reason == "Connection limit reached (1)");
  CHECK_FALSE(a.mesh.peers().find(three));
}

TEST_CASE("heartbeats every 30 s; a peer that says nothing for 60 s is dropped, and forgotten") {
  Router a(1), b(2);
  Net net;
  net.add(a);
  net.add(b);
  net.connect(1, a, b, 99);
  net.advance(301s);
  CHECK(net.sent[Tag::heartbeat] == 20);
  CHECK(net.closed.empty());
  net.routers = {&a};  // b is gone; a's messages end in the void
  net.cables.clear();
  net.advance(61s);
  CHECK(net.closed == std::vector<std::string>{"no message for 60 s"});
  CHECK(a.mesh.peers().table().size() == 1);
  REQUIRE(net.count<PeersGone>() == 1);
}

TEST_CASE("a restarted peer gets everything, outgrows its former version, and all follow") {
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
  CHECK(net.sent[Tag::gossip] >= 2);
  CHECK(again.mesh.peers().self().version > before);
  net.b.mesh.overlay_established(230, net.now);
  again.mesh.overlay_established(230, net.now);
  net.advance(3s);
  CHECK(net.a.mesh.peers().find(three)->uid == 999);
  CHECK(same_topology(net.a, again));
  CHECK(same_topology(net.b, again));
}

TEST_CASE("two peers with one short id: the one with the higher name takes another") {
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

TEST_CASE("broadcasts reach everyone once, unicasts their destination") {
  Line net;
  net.a.mesh.broadcast("x", opaque("hello"), net.now);
  net.settle();
  CHECK(net.b.received == std::vector<std::string>{"broadcast 1 hello"});
  CHECK(net.c.received == std::vector<std::string>{"broadcast 1 hello"});
  CHECK(net.a.received.empty());
  CHECK(net.c.mesh.unicast("x", one, as_bytes("psst"), net.now));
  CHECK(net.a.mesh.unicast("x", one, as_bytes("myself"), net.now));
  net.settle();
  CHECK(net.a.received == std::vector<std::string>{"unicast 1 myself", "unicast 3 psst"});
  CHECK(net.b.received.size() == 1);
  CHECK(reason(net.a.mesh.unicast("x", four, {}, net.now)) == "unknown relay destination: 00:00:00:00:00:04");
}

TEST_CASE("a channel that nobody between uses is carried all the same") {
  Line net;
  auto count = [&](Router& r) { return r.received.size(); };
  // Router 2 doesn't know "y"; 1 and 3 do.
  std::vector<std::string> heard;
  for (auto* r : {&net.a, &net.c})
    r->mesh.add_channel("y", {[] { return opaque("state"); },
                              [&](ByteView data) -> Result<Gossip> {
                                heard.push_back("gossip " + std::string(as_text(data)));
                                return Gossip();
                              },
                              [&](PeerName, ByteView data) -> Result<Gossip> {
                                heard.push_back("broadcast " + std::string(as_text(data)));
                                return Gossip();
                              },
                              [&](PeerName, ByteView data) -> Result<void> {
                                heard.push_back("unicast " + std::string(as_text(data)));
                                return {};
                              }});
  net.a.mesh.broadcast("y", opaque("b"), net.now);
  net.a.mesh.gossip("y", opaque("g"), net.now);
  net.a.mesh.gossip("y", opaque("g"), net.now);
  CHECK(net.a.mesh.unicast("y", three, as_bytes("u"), net.now));
  net.settle();
  CHECK(heard == std::vector<std::string>{"broadcast b", "gossip g", "unicast u"});
  CHECK(count(net.b) == 0);
}

TEST_CASE("gossip on unknown channels is passed on as Weave Net's surrogate does") {
  Surrogates surrogates(30s);
  for (const auto& step : vectors("surrogate.json", "steps")) {
    INFO(step.dump());
    auto at = start + std::chrono::duration_cast<Time::duration>(
                          std::chrono::duration<double>(step.at("AtSeconds").get<double>()));
    auto payload = step.at("Payload").get<std::string>();
    CHECK((surrogates.gossip("x", as_bytes(payload), at) != nullptr) == step.at("Relayed").get<bool>());
  }
}

TEST_CASE("surrogates have room for so many channels, payloads and bytes; then they drop, and recover") {
  Surrogates surrogates(30s);
  for (size_t i = 0; i < 2 * Surrogates::max_channels; ++i) surrogates.gossip(std::to_string(i), as_bytes("p"), start);
  CHECK(surrogates.channels() == Surrogates::max_channels);
  for (size_t i = 0; i < 2 * Surrogates::max_payloads; ++i) surrogates.gossip("1", as_bytes(std::to_string(i)), start);
  CHECK(surrogates.payloads() == Surrogates::max_payloads);
  CHECK_FALSE(surrogates.gossip("1", as_bytes("late"), start));
  CHECK(surrogates.gossip("new", as_bytes("later"), start + 31s));
  CHECK(surrogates.channels() == 1);
}

TEST_CASE("messages that would crash an old peer can't be sent, and are ignored when they come") {
  Router a(1);
  a.mesh.connection_ready(1, {.name = two, .uid = 5, .overlays = 2}, start);
  a.mesh.connection_ready(2, {.name = three, .uid = 6, .overlays = 0}, start);
  a.mesh.take();
  auto bytes = [](std::initializer_list<uint8_t> list) { return Bytes(list); };
  CHECK_FALSE(a.mesh.overlay_send(1, Tag::overlay_control, {}, start));
  CHECK_FALSE(a.mesh.overlay_send(1, Tag::overlay_control, bytes({0}), start));
  CHECK_FALSE(a.mesh.overlay_send(1, Tag::overlay_control, bytes({2, 1}), start));
  CHECK_FALSE(a.mesh.overlay_send(1, Tag::connection_established, {}, start));
  CHECK_FALSE(a.mesh.overlay_send(1, Tag::gossip, bytes({0, 1}), start));
  CHECK_FALSE(a.mesh.overlay_send(2, Tag::overlay_control, bytes({0, 1}), start));
  CHECK(a.mesh.take().empty());
  CHECK(a.mesh.overlay_send(1, Tag::overlay_control, bytes({1, 1}), start));
  CHECK(a.mesh.overlay_send(2, Tag::pmtu_verified, bytes({5, 0x9e}), start));
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
  CHECK(std::get<OverlayMessage>(control[1]).tag == Tag::connection_established);
}

TEST_CASE("a malformed or refused message costs its own connection and nothing else") {
  for (const auto& c : vectors("decode-verdicts.json", "cases")) {
    Line net;
    auto payload = hex(c.at("hex"));
    auto message = encode_envelope(Tag::gossip, {"topology", one, {}, payload});
    net.b.mesh.message(12, message, net.now);
    net.settle();
    INFO(c.at("name"));
    CHECK(net.b.mesh.connection_to(three));
    if (!c.at("accepted_by_reference").get<bool>()) CHECK_FALSE(net.b.mesh.connection_to(one));
  }
  Line net;
  net.b.mesh.message(12, encode_envelope(Tag::gossip, {"x", one, {}, as_bytes("poison")}), net.now);
  net.settle();
  CHECK(net.closed == std::vector<std::string>{"poisoned"});
  CHECK(net.b.mesh.connection_to(three));
}

TEST_CASE("what comes back to us isn't sent round again, nor back to where it came from") {
  Line net;
  net.sent.clear();
  net.b.mesh.message(12, encode_envelope(Tag::broadcast, {"x", two, {}, as_bytes("mine")}), net.now);
  net.b.mesh.message(12, encode_envelope(Tag::unicast, {"x", three, one, as_bytes("to 1")}), net.now);
  net.b.mesh.message(12, encode_envelope(Tag::unicast, {"x", one, four, as_bytes("to 4")}), net.now);
  net.settle();
  CHECK(net.sent.empty());
  CHECK(net.closed.empty());
}

TEST_CASE("a slow neighbour gets the newest state and costs bounded memory") {
  Router a(1);
  a.mesh.connection_ready(1, {.name = two, .uid = 5, .overlays = 2}, start);
  a.mesh.take();
  std::string megabyte(1024 * 1024, 'x');
  size_t bytes = 0, messages = 0;
  auto collect = [&] {
    for (auto& effect : a.mesh.take())
      if (auto* send = std::get_if<Send>(&effect)) bytes += send->message.size(), ++messages;
  };
  for (int i = 0; i < 100; ++i) a.mesh.gossip("x", opaque(megabyte), start);
  collect();
  CHECK(messages == 1);
  for (int i = 0; i < 10; ++i) {
    a.mesh.writable(1, start);
    collect();
  }
  CHECK(bytes < OpaqueData::max_held + 2 * megabyte.size());
  // Unicasts don't wait, so at some point they are refused.
  messages = 0;
  Result<void> last;
  for (int i = 0; i < 100 && last; ++i) last = a.mesh.unicast("x", two, as_bytes(megabyte), start);
  collect();
  CHECK(messages < 8);
  CHECK(reason(last) == "connection to relay peer 00:00:00:00:00:02 is congested");
}

TEST_CASE("news goes on at once; what follows thick goes on together, to everyone but who told it") {
  Router a(1);
  for (uint64_t i = 2; i <= 4; ++i) {
    a.mesh.connection_ready(i, {.name = {i}, .uid = i, .address = "10.0.0.9:6783", .overlays = 2}, start);
    a.mesh.overlay_established(i, start);
  }
  a.mesh.tick(start + 10s);  // our own announcement
  a.mesh.take();
  auto tell = [&](uint64_t neighbour, uint64_t about, milliseconds at) {
    Peer p{{about}, "x", about, 1, {}, {{{neighbour}, "", false, false}}};
    Peer link{{neighbour}, "x", neighbour, about, {}, {{{1}, "", true, true}, {{about}, "", true, true}}};
    const Peer* list[] = {&p, &link};
    a.mesh.message(neighbour, encode_envelope(Tag::gossip, {"topology", {neighbour}, {}, encode_topology(list)}),
                   start + 20s + at);
  };
  auto heard = [&] {
    std::map<ConnectionId, std::vector<uint64_t>> names;
    for (auto& effect : a.mesh.take())
      if (auto* send = std::get_if<Send>(&effect)) {
        auto envelope = decode_envelope(Tag::gossip, ByteView(send->message).subspan(1));
        auto list = decode_topology(envelope->data);
        for (const auto& p : *list) names[send->connection].push_back(p.name.value);
      }
    return names;
  };
  using Names = std::map<ConnectionId, std::vector<uint64_t>>;
  tell(2, 102, 0ms);
  CHECK(heard() == Names{{3, {2, 102}}, {4, {2, 102}}});
  tell(3, 103, 10ms);
  tell(4, 104, 20ms);
  CHECK(heard().empty());
  a.mesh.tick(start + 20s + 99ms);
  CHECK(heard().empty());
  CHECK(a.mesh.next_tick() <= start + 20s + 100ms);
  a.mesh.tick(start + 20s + 100ms);
  CHECK(heard() == Names{{2, {3, 4, 103, 104}}, {3, {4, 104}}, {4, {3, 103}}});
}

TEST_CASE("an old peer's topology broadcast is applied and passed on along its routes") {
  Line net;
  Peer c = *net.b.mesh.peers().find(three);
  c.version += 5;
  c.nickname = "renamed";
  const Peer* list[] = {&c};
  net.sent.clear();
  net.b.mesh.message(23, encode_envelope(Tag::broadcast, {"topology", three, {}, encode_topology(list)}), net.now);
  net.settle();
  CHECK(net.sent[Tag::broadcast] == 1);
  CHECK(net.a.mesh.peers().find(three)->nickname == "renamed");
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

TEST_CASE("recorded messages of live routers are taken as they come") {
  Router a(0x020000000001, 200, 15252263266024547486u, 1751);
  a.mesh.connection_ready(1, {{0x020000000002}, "b", 16612014435761253032u, 1915, 1, "10.88.0.2:41000", false, true, 1},
                          start);
  size_t control = 0;
  for (const auto& e : vectors("live-three-peers.json", "events")) {
    if (e.at("to") != "a" || !e.contains("message_hex") || e.at("what") == "features") continue;
    auto at = start + std::chrono::milliseconds(static_cast<int>(e.at("t").get<double>() * 1000));
    a.mesh.tick(at);
    a.mesh.message(1, hex(e.at("message_hex")), at);
    for (auto& effect : a.mesh.take()) {
      CHECK_FALSE(std::holds_alternative<Close>(effect));
      control += std::holds_alternative<OverlayMessage>(effect);
    }
  }
  CHECK(control >= 3);
  CHECK(a.mesh.peers().table().size() == 3);
  CHECK(a.mesh.peers().find({0x020000000003})->nickname == "c");
  CHECK(a.mesh.routes().next_hop({0x020000000003}, Edges::all) == PeerName{0x020000000002});
}
