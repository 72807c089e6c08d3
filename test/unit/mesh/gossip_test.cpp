// Who gets what over which way, and what waits.
#include <catch2/catch.hpp>

#include "net.hpp"

using namespace weave;
using namespace weave::mesh;

TEST_CASE("a broadcast reaches every peer once, a unicast its destination") {
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

TEST_CASE("a relay without the channel passes its gossip on") {
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

TEST_CASE("gossip on unknown channels is passed on as Weave Net does") {
  Surrogates surrogates(30s);
  for (const auto& step : vectors("mesh/surrogate.json", "steps")) {
    INFO(step.dump());
    auto at = start + std::chrono::duration_cast<Time::duration>(
                          std::chrono::duration<double>(step.at("AtSeconds").get<double>()));
    auto payload = step.at("Payload").get<std::string>();
    CHECK((surrogates.gossip("x", as_bytes(payload), at) != nullptr) == step.at("Relayed").get<bool>());
  }
}

TEST_CASE("the store for unknown channels is bounded, and works again after it was full") {
  Surrogates surrogates(30s);
  for (size_t i = 0; i < 2 * Surrogates::kMaxChannels; ++i) surrogates.gossip(std::to_string(i), as_bytes("p"), start);
  CHECK(surrogates.channels() == Surrogates::kMaxChannels);
  for (size_t i = 0; i < 2 * Surrogates::kMaxPayloads; ++i) surrogates.gossip("1", as_bytes(std::to_string(i)), start);
  CHECK(surrogates.payloads() == Surrogates::kMaxPayloads);
  CHECK_FALSE(surrogates.gossip("1", as_bytes("late"), start));
  CHECK(surrogates.gossip("new", as_bytes("later"), start + 31s));
  CHECK(surrogates.channels() == 1);
}

TEST_CASE("received gossip is sent neither back nor round again") {
  Line net;
  net.sent.clear();
  net.b.mesh.message(12, encode_envelope(Tag::kBroadcast, {"x", two, {}, as_bytes("mine")}), net.now);
  net.b.mesh.message(12, encode_envelope(Tag::kUnicast, {"x", three, one, as_bytes("to 1")}), net.now);
  net.b.mesh.message(12, encode_envelope(Tag::kUnicast, {"x", one, four, as_bytes("to 4")}), net.now);
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
  CHECK(bytes < OpaqueData::kMaxHeld + 2 * megabyte.size());
  // Unicasts don't wait, so at some point they are refused.
  messages = 0;
  Result<void> last;
  for (int i = 0; i < 100 && last; ++i) last = a.mesh.unicast("x", two, as_bytes(megabyte), start);
  collect();
  CHECK(messages < 8);
  CHECK(reason(last) == "connection to relay peer 00:00:00:00:00:02 is congested");
}

TEST_CASE("news is passed on at once, frequent news together, and never to its sender") {
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
    a.mesh.message(neighbour, encode_envelope(Tag::kGossip, {"topology", {neighbour}, {}, encode_topology(list)}),
                   start + 20s + at);
  };
  auto heard = [&] {
    std::map<ConnectionId, std::vector<uint64_t>> names;
    for (auto& effect : a.mesh.take())
      if (auto* send = std::get_if<Send>(&effect)) {
        auto envelope = decode_envelope(Tag::kGossip, ByteView(send->message).subspan(1));
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
  net.b.mesh.message(23, encode_envelope(Tag::kBroadcast, {"topology", three, {}, encode_topology(list)}), net.now);
  net.settle();
  CHECK(net.sent[Tag::kBroadcast] == 1);
  CHECK(net.a.mesh.peers().find(three)->nickname == "renamed");
}
