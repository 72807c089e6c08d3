#include "overlay/fastdp/forwarder.hpp"

#include <catch2/catch.hpp>

#include "base/fd.hpp"
#include "base/hex.hpp"
#include "overlay/fastdp/bpf/fastdp.h"
#include "overlay/switch.hpp"

using namespace weave;
using namespace weave::overlay;
using namespace std::chrono_literals;

namespace {

const PeerName a{0x02000000000a}, b{0x02000000000b};
const Ipv4 ip_a{0x0a000001}, ip_b{0x0a000002};
constexpr uint64_t uid = 0x7b6c9ff1feff0db6;

FastPort plain_port(uint16_t own) {
  FastPort port;
  port.port = own;
  port.no_esp = "the kernel has no ESP (xfrm): because";
  return port;
}

Link link_of(bool initiator, uint16_t remote_port = 6783) {
  return {.self = initiator ? a : b,
          .remote = initiator ? b : a,
          .remote_label = "peer",
          .conn_uid = uid,
          .initiator = initiator,
          .key = {},
          .local = UdpAddress{initiator ? ip_a : ip_b, 6783},
          .remote_address = UdpAddress{initiator ? ip_b : ip_a, remote_port}};
}

// One end of a connection, whose heartbeats are kept.
struct End {
  explicit End(bool initiator, Esp* esp = nullptr)
      : port{.send =
                 [this](const FastHop&, ByteView payload) {
                   if (trouble.empty()) sent.emplace_back(payload.begin(), payload.end());
                   return trouble;
                 },
             .short_id =
                 [this](PeerName name) {
                   auto found = ids.find(name);
                   return found == ids.end() ? std::nullopt : std::optional(found->second);
                 },
             .esp = esp,
             .no_esp = {}},
        forwarder(link(initiator), *fast_hop(link(initiator), port), port) {}

  Link link(bool initiator) const {
    auto out = link_of(initiator);
    if (port.esp) out.key = Secret(Bytes(32, 7));
    return out;
  }

  // The other end's packets, as the kernel would hand them over.
  void receive(const Bytes& packet, Ipv4 from, Time now, bool encrypted = false) {
    ByteView frame = ByteView(packet).subspan(kVxlanHeader);
    forwarder.receive({.vni = *decode_vxlan(packet),
                       .remote = from,
                       .local = {},
                       .size = frame.size(),
                       .head = Bytes(frame.begin(), frame.begin() + 24),
                       .encrypted = encrypted},
                      now);
  }

  std::map<PeerName, uint16_t> ids{{a, 0xc46}, {b, 0x9b9}};
  std::string trouble;
  std::vector<Bytes> sent;
  FastPort port;
  FastForwarder forwarder;
};

const Time start{};

}  // namespace

TEST_CASE("both ends use the VXLAN port of the accepting one") {
  CHECK(fast_hop(link_of(true, 7000), plain_port(6784)) == FastHop{ip_a, ip_b, 7001});
  CHECK(fast_hop(link_of(false, 41234), plain_port(7001)) == FastHop{ip_b, ip_a, 7001});
  CHECK_FALSE(fast_hop(link_of(true, 65535), plain_port(6784)));
}

TEST_CASE("connections without ESP for encryption or without the peer's address are refused") {
  auto link = link_of(true);
  link.key = Secret(Bytes(32, 1));
  auto refused = fast_hop(link, plain_port(6784));
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == "it can't encrypt: the kernel has no ESP (xfrm): because");
  link = link_of(true);
  link.remote_address.reset();
  CHECK_FALSE(fast_hop(link, plain_port(6784)));
}

TEST_CASE("heartbeats are sent from the confirmation until one is acknowledged") {
  End us(true);
  us.forwarder.tick(start + 10s);
  CHECK(us.sent.empty());
  CHECK(us.forwarder.next_tick() == Time::max());
  us.forwarder.confirm(start);
  CHECK(us.sent == std::vector<Bytes>{encode_heartbeat(0x9b9c46, uid, 1410)});
  for (int i = 1; i <= 4; ++i) us.forwarder.tick(start + i * 500ms);
  CHECK(us.sent.size() == 5);
  CHECK_FALSE(us.forwarder.take_events().established);

  us.forwarder.control(0, {}, start + 2s);
  CHECK(us.forwarder.take_events().established);
  us.forwarder.control(0, {}, start + 3s);
  CHECK_FALSE(us.forwarder.take_events().established);
  CHECK(us.forwarder.next_tick() == start + 12s);
  us.forwarder.tick(start + 12s);
  CHECK(us.sent.size() == 6);
  CHECK(us.forwarder.next_tick() == start + 22s);
}

TEST_CASE("the first heartbeat is acknowledged, once") {
  End us(true), them(false);
  us.forwarder.confirm(start);
  them.forwarder.confirm(start);
  them.receive(us.sent[0], ip_a, start);
  auto events = them.forwarder.take_events();
  CHECK(events.control == std::vector{ControlMessage{0, {}}, ControlMessage{18, {}}});
  CHECK_FALSE(events.established);
  CHECK_FALSE(events.healthy);
  them.receive(us.sent[0], ip_a, start + 1s);
  CHECK(them.forwarder.take_events().control.empty());
}

TEST_CASE("heartbeats before the confirmation, of other connections and from other peers are ignored") {
  End us(true), them(false);
  us.forwarder.confirm(start);
  them.receive(us.sent[0], ip_a, start);
  CHECK(them.forwarder.take_events().control.empty());
  them.forwarder.confirm(start);
  them.receive(encode_heartbeat(0x9b9c46, uid + 1, 1410), ip_a, start);
  them.receive(encode_heartbeat(0x9b9c47, uid, 1410), ip_a, start);
  CHECK(them.forwarder.take_events().control.empty());
  them.ids.erase(a);
  them.receive(us.sent[0], ip_a, start);
  CHECK(them.forwarder.take_events().control.empty());
}

TEST_CASE("a minute without heartbeats suspends the overlay, the next heartbeat resumes it") {
  End us(true), them(false);
  them.forwarder.confirm(start);
  us.forwarder.confirm(start);
  us.receive(them.sent[0], ip_b, start + 20s);
  us.forwarder.control(0, {}, start + 20s);
  us.forwarder.take_events();
  us.forwarder.tick(start + 79s);
  CHECK_FALSE(us.forwarder.take_events().healthy);
  us.forwarder.tick(start + 80s);
  CHECK(us.forwarder.take_events().healthy == false);
  us.forwarder.tick(start + 300s);
  CHECK_FALSE(us.forwarder.take_events().healthy);
  CHECK(us.forwarder.next_tick() == start + 310s);
  us.receive(them.sent[0], ip_b, start + 301s);
  CHECK(us.forwarder.take_events().healthy == true);
}

TEST_CASE("missing heartbeats are reported to the peer, and so is their return") {
  End us(true), them(false);
  us.forwarder.confirm(start);
  them.forwarder.confirm(start);
  us.receive(them.sent.at(0), ip_b, start);
  them.receive(us.sent.at(0), ip_a, start);
  us.forwarder.control(0, {}, start);
  CHECK(us.forwarder.take_events().established);
  them.forwarder.take_events();
  // What we send doesn't arrive any more; what they send does.
  us.receive(them.sent.at(0), ip_b, start + 30s);
  them.forwarder.tick(start + 60s);
  auto lost = them.forwarder.take_events();
  CHECK(lost.healthy == false);
  REQUIRE(lost.control == std::vector<ControlMessage>{{16, {}}});
  us.forwarder.control(16, {}, start + 60s);
  auto told = us.forwarder.take_events();
  CHECK(told.healthy == false);
  CHECK(told.control == std::vector<ControlMessage>{{19, {}}});
  CHECK(
      us.forwarder.trouble() ==
      "the peer gets none of our heartbeats: is UDP port 6784 open on the way, and does it carry packets of 1460 bytes "
      "in one piece?");
  // Its heartbeats don't take us off hold.
  us.receive(them.sent.at(0), ip_b, start + 61s);
  CHECK_FALSE(us.forwarder.take_events().healthy);
  them.receive(us.sent.at(0), ip_a, start + 70s);
  auto back = them.forwarder.take_events();
  CHECK(back.healthy == true);
  REQUIRE(back.control == std::vector<ControlMessage>{{17, {}}});
  us.forwarder.control(17, {}, start + 70s);
  CHECK(us.forwarder.take_events().healthy == true);
  CHECK(us.forwarder.trouble().empty());
}

namespace {

// Two ends that have told each other that they are of our kind.
struct QuickPair {
  QuickPair() {
    us.forwarder.confirm(start);
    them.forwarder.confirm(start);
    us.receive(them.sent.at(0), ip_b, start);
    them.receive(us.sent.at(0), ip_a, start);
    exchange(start);
    exchange(start);
  }
  void exchange(Time at) {
    auto ours = us.forwarder.take_events(), theirs = them.forwarder.take_events();
    if (ours.healthy) us_healthy = *ours.healthy;
    if (theirs.healthy) them_healthy = *theirs.healthy;
    for (auto& message : ours.control) them.forwarder.control(message.tag, message.payload, at);
    for (auto& message : theirs.control) us.forwarder.control(message.tag, message.payload, at);
  }
  // A second in which heartbeats pass to us or to them.
  void pass(bool to_us, bool to_them) {
    now += 1s;
    us.sent.clear();
    them.sent.clear();
    for (auto* end : {&us, &them})
      if (end->forwarder.next_tick() <= now) end->forwarder.tick(now);
    if (to_us && !them.sent.empty()) us.receive(them.sent.back(), ip_b, now);
    if (to_them && !us.sent.empty()) them.receive(us.sent.back(), ip_a, now);
    for (int i = 0; i < 3; ++i) exchange(now);
  }
  End us{true}, them{false};
  Time now = start;
  bool us_healthy = true, them_healthy = true;
};

}  // namespace

TEST_CASE("peers of our kind find a path that is broken in one direction within seconds, and its return") {
  QuickPair pair;
  for (int i = 0; i < 20; ++i) pair.pass(true, true);
  CHECK(pair.us_healthy);
  CHECK(pair.them_healthy);
  CHECK(pair.us.sent.size() == 1);  // each second
  for (int i = 0; i < 7; ++i) pair.pass(true, false);
  CHECK_FALSE(pair.us_healthy);
  CHECK_FALSE(pair.them_healthy);
  CHECK(pair.them.forwarder.trouble().starts_with("no heartbeats of the peer arrive: is UDP port 6784 open"));
  CHECK(pair.us.forwarder.trouble().starts_with("the peer gets none of our heartbeats"));
  for (int i = 0; i < 60; ++i) pair.pass(true, false);
  CHECK_FALSE(pair.us_healthy);
  pair.pass(true, true);
  CHECK(pair.us_healthy);
  CHECK(pair.them_healthy);
}

TEST_CASE("a peer whose router doesn't answer keeps its path for a minute: its kernel may carry frames on") {
  QuickPair pair;
  pair.pass(true, true);
  auto since = pair.now;
  for (; pair.now < since + 59s; pair.now += 1s) pair.us.forwarder.tick(pair.now);
  auto events = pair.us.forwarder.take_events();
  CHECK(events.control == std::vector<ControlMessage>{{16, {}}});
  CHECK_FALSE(events.healthy);
  pair.us.forwarder.tick(since + 60s);
  CHECK(pair.us.forwarder.take_events().healthy == false);
  CHECK(pair.us.forwarder.next_tick() > since + 60s);
}

TEST_CASE("an answer that comes after the heartbeats are back changes nothing") {
  QuickPair pair;
  pair.us.forwarder.tick(start + 6s);
  CHECK(pair.us.forwarder.take_events().control == std::vector<ControlMessage>{{16, {}}});
  pair.us.receive(pair.them.sent.at(0), ip_b, start + 7s);
  pair.us.forwarder.control(19, {}, start + 7s);
  auto events = pair.us.forwarder.take_events();
  CHECK(events.control == std::vector<ControlMessage>{{17, {}}});
  CHECK_FALSE(events.healthy);
}

TEST_CASE("changes that the peer causes are rate-limited") {
  End us(true);
  us.forwarder.confirm(start);
  us.forwarder.control(0, {}, start);
  us.forwarder.take_events();
  int turns = 0;
  for (int i = 0; i < 1000; ++i) {
    us.forwarder.control(i % 2 ? 17 : 16, {}, start + i * 10ms);
    if (us.forwarder.take_events().healthy) ++turns;
  }
  CHECK(turns == 10);
  End them(false);
  them.forwarder.confirm(start);
  int moves = 0;
  for (uint32_t i = 0; i < 1000; ++i) {
    auto before = us.forwarder.hop().remote;
    us.receive(them.sent.at(0), {i + 100}, start + i * 10ms);
    if (us.forwarder.hop().remote != before) ++moves;
  }
  CHECK(moves == 5);
}

TEST_CASE("without an answer heartbeats are sent every 500 ms for a minute, then every 10 s") {
  End us(true);
  us.forwarder.confirm(start);
  auto now = start;
  while (now < start + 200s) {
    now = us.forwarder.next_tick();
    us.forwarder.tick(now);
  }
  CHECK(us.sent.size() >= 130);
  CHECK(us.sent.size() <= 140);
}

TEST_CASE("the peer's address is that of its last heartbeat") {
  End us(true), them(false);
  us.forwarder.confirm(start);
  them.forwarder.confirm(start);
  them.receive(us.sent[0], {0x0a000009}, start);
  CHECK(them.forwarder.hop() == FastHop{ip_b, {0x0a000009}, 6784});
}

TEST_CASE("the peer's MTU is learnt from its heartbeats") {
  End us(true);
  us.forwarder.confirm(start);
  us.receive(encode_heartbeat(make_vni(0x9b9, 0xc46), uid, 1376), ip_b, start);
  CHECK(us.forwarder.remote_mtu() == 1376);
  CHECK(us.forwarder.mtu() == 1410);
}

TEST_CASE("a send error is reported, and heartbeats continue") {
  End us(true);
  us.trouble = "no route to host";
  us.forwarder.confirm(start);
  CHECK(us.forwarder.trouble() == "no route to host");
  us.trouble.clear();
  us.forwarder.tick(start + 500ms);
  CHECK(us.sent.size() == 1);
  CHECK(us.forwarder.trouble().starts_with("no heartbeat acknowledged yet: is UDP port 6784 open"));
  us.ids.erase(b);
  us.forwarder.tick(start + 1s);
  CHECK(us.forwarder.trouble() == "a short id isn't known");
}

TEST_CASE("a refusal by the own kernel switches the overlay at both ends at once") {
  QuickPair pair;
  pair.pass(true, true);
  pair.us.trouble = "the largest frames, 1460 bytes with their headers, don't fit the interface's MTU";
  pair.pass(true, false);
  CHECK_FALSE(pair.us_healthy);
  CHECK_FALSE(pair.them_healthy);
  CHECK(pair.us.forwarder.trouble().starts_with("the largest frames"));
  pair.us.trouble.clear();
  pair.pass(true, true);
  CHECK(pair.us_healthy);
  CHECK(pair.them_healthy);
}

TEST_CASE("different MTUs are named before anything is established") {
  End us(true);
  us.forwarder.confirm(start);
  us.receive(encode_heartbeat(make_vni(0x9b9, 0xc46), uid, 1376), ip_b, start);
  CHECK(us.forwarder.trouble() ==
        "the peer's containers have an MTU of 1376, ours 1410: launch with the same WEAVE_MTU on all hosts");
}

TEST_CASE("malformed control messages are ignored") {
  End us(true);
  us.forwarder.control(0, {}, start);
  CHECK_FALSE(us.forwarder.take_events().established);
  us.forwarder.confirm(start);
  us.forwarder.control(1, Bytes(64), start);
  us.forwarder.control(1, {}, start);
  us.forwarder.control(77, {}, start);
  auto events = us.forwarder.take_events();
  CHECK(events.control.empty());
  CHECK_FALSE(events.established);
  us.forwarder.control(0, Bytes{1, 2}, start);
  CHECK(us.forwarder.take_events().established);
}

namespace {

// An IPsec that keeps a diary.
struct Diary : Esp {
  EspParameters choose(const FastHop&) override {
    EspParameters out;
    out.nonce.fill(next);
    out.spi = 0x100u + next++;
    return out;
  }
  void receive_by(const FastHop& hop, uint32_t spi, const Secret& key) override {
    if (!trouble.empty()) throw Error(trouble);
    CHECK(hop.mark == FASTDP_MARK);
    lines.push_back(fmt::format("receive {:x}", spi));
    receiving = key;
  }
  void send_by(const FastHop&, uint32_t spi, const Secret& key) override {
    if (!trouble.empty()) throw Error(trouble);
    lines.push_back(fmt::format("send {:x}", spi));
    sending = key;
  }
  Found look(const FastHop&, uint32_t, uint32_t) override { return found; }
  void release(const FastHop&, uint32_t in, uint32_t out) noexcept override {
    lines.push_back(fmt::format("release {:x} {:x}", in, out));
  }
  std::vector<std::string> take() { return std::exchange(lines, {}); }

  uint8_t next = 1;
  Found found{.receiving = true, .sending = true};
  std::string trouble;
  std::vector<std::string> lines;
  Secret receiving, sending;
};
using Lines = std::vector<std::string>;

Bytes parameters(uint32_t spi, uint8_t nonce = 9) {
  EspParameters out{.nonce = {}, .spi = spi};
  out.nonce.fill(nonce);
  return encode_esp_parameters(out);
}

}  // namespace

TEST_CASE("an encrypted connection sends its parameters, and no heartbeat before it has the peer's") {
  Diary esp;
  End us(true, &esp);
  us.forwarder.confirm(start);
  CHECK(esp.take() == Lines{"receive 101"});
  CHECK(us.forwarder.take_events().control == std::vector{ControlMessage{1, parameters(0x101, 1)}});
  for (int i = 1; i <= 4; ++i) us.forwarder.tick(start + i * 500ms);
  CHECK(us.sent.empty());
  CHECK_FALSE(us.forwarder.may_send());
  us.forwarder.control(0, {}, start + 2s);  // of what, then?
  CHECK_FALSE(us.forwarder.take_events().established);

  us.forwarder.control(1, parameters(0x777), start + 2s);
  CHECK(esp.take() == Lines{"send 777"});
  CHECK(us.forwarder.may_send());
  CHECK(us.sent.size() == 1);
  us.forwarder.tick(start + 2500ms);
  CHECK(us.sent.size() == 2);
  us.forwarder.control(0, {}, start + 3s);
  CHECK(us.forwarder.take_events().established);
}

TEST_CASE("two ends of an encrypted connection have the same two keys") {
  Diary esp_a, esp_b;
  End us(true, &esp_a), them(false, &esp_b);
  us.forwarder.confirm(start);
  them.forwarder.confirm(start);
  them.forwarder.control(1, us.forwarder.take_events().control.at(0).payload, start);
  us.forwarder.control(1, them.forwarder.take_events().control.at(0).payload, start);
  CHECK(to_hex(esp_a.receiving.view()) == to_hex(esp_b.sending.view()));
  CHECK(to_hex(esp_b.receiving.view()) == to_hex(esp_a.sending.view()));
  CHECK(to_hex(esp_a.receiving.view()) != to_hex(esp_a.sending.view()));
}

TEST_CASE("parameters received before the confirmation are used after it") {
  Diary esp;
  End us(true, &esp);
  us.forwarder.control(1, parameters(0x777), start);
  CHECK(esp.take().empty());
  us.forwarder.confirm(start);
  CHECK(esp.take() == Lines{"receive 101", "send 777"});
  CHECK(us.sent.size() == 1);
}

TEST_CASE("new parameters replace old ones, and the end of the connection releases the last") {
  Diary esp;
  {
    End us(true, &esp);
    us.forwarder.confirm(start);
    us.forwarder.control(1, parameters(0x777), start);
    us.forwarder.control(1, parameters(0x777), start);
    us.forwarder.control(1, parameters(0x778), start);
    us.forwarder.control(1, Bytes(63), start);
    CHECK(esp.take() == Lines{"receive 101", "send 777", "send 778", "release 0 777"});
    CHECK(us.sent.size() == 1);
  }
  CHECK(esp.take() == Lines{"release 101 778"});
}

TEST_CASE("an encrypted connection accepts only heartbeats that came by ESP from the agreed address") {
  Diary esp;
  End us(true, &esp), them(false);
  us.forwarder.confirm(start);
  them.forwarder.confirm(start);
  us.forwarder.take_events();
  us.receive(them.sent[0], ip_b, start);
  us.receive(them.sent[0], {0x0a000009}, start, true);
  CHECK(us.forwarder.take_events().control.empty());
  CHECK(us.forwarder.hop().remote == ip_b);
  us.receive(them.sent[0], ip_b, start, true);
  CHECK(us.forwarder.take_events().control == std::vector{ControlMessage{0, {}}, ControlMessage{18, {}}});
}

TEST_CASE("an IPsec error of the kernel ends the forwarder with the reason") {
  Diary esp;
  End us(true, &esp);
  SECTION("while it chooses parameters") {
    esp.trouble = "no memory";
    us.forwarder.confirm(start);
    auto events = us.forwarder.take_events();
    CHECK(events.failed == "no memory");
    CHECK(events.control.empty());
    CHECK(esp.take() == Lines{"release 101 0"});
  }
  SECTION("while it installs the peer's parameters") {
    us.forwarder.confirm(start);
    esp.trouble = "no memory";
    us.forwarder.control(1, parameters(0x777), start);
    CHECK(us.forwarder.take_events().failed == "no memory");
  }
  CHECK(us.sent.empty());
}

TEST_CASE("parameters are renewed before the packet counter is used up") {
  Diary esp;
  End us(true, &esp);
  us.forwarder.confirm(start);
  us.forwarder.control(1, parameters(0x777), start);
  us.forwarder.control(0, {}, start);
  us.forwarder.take_events();
  esp.take();
  us.forwarder.tick(start + 10s);
  CHECK(us.forwarder.take_events().control.empty());
  esp.found.received = uint64_t{1} << 32;
  us.forwarder.tick(start + 20s);
  CHECK(us.forwarder.take_events().control == std::vector{ControlMessage{1, parameters(0x102, 2)}});
  CHECK(esp.take() == Lines{"receive 102", "release 101 0"});
  esp.trouble = "no memory";
  us.forwarder.tick(start + 30s);
  CHECK(us.forwarder.take_events().failed.empty());
}

TEST_CASE("a removed association is chosen anew or ends the connection") {
  Diary esp;
  End us(true, &esp);
  us.forwarder.confirm(start);
  us.forwarder.control(1, parameters(0x777), start);
  us.forwarder.take_events();
  SECTION("for an inbound association") {
    esp.found.receiving = false;
    us.forwarder.tick(start + 500ms);
    auto events = us.forwarder.take_events();
    CHECK(events.control == std::vector{ControlMessage{1, parameters(0x102, 2)}});
    CHECK(events.failed.empty());
    CHECK(us.sent.size() == 2);
  }
  SECTION("for an outbound association") {
    esp.found.sending = false;
    us.forwarder.tick(start + 500ms);
    CHECK_FALSE(us.forwarder.take_events().failed.empty());
    CHECK(us.sent.size() == 1);
  }
}
