#include "overlay/fastdp_forwarder.hpp"

#include <catch2/catch.hpp>

#include "overlay/switch.hpp"

using namespace weave;
using namespace weave::overlay;
using namespace std::chrono_literals;

namespace {

const PeerName a{0x02000000000a}, b{0x02000000000b};
const Ipv4 ip_a{0x0a000001}, ip_b{0x0a000002};
constexpr uint64_t uid = 0x7b6c9ff1feff0db6;

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
  explicit End(bool initiator)
      : port{.send =
                 [this](const FastHop&, ByteView payload) {
                   if (trouble.empty()) sent.emplace_back(payload.begin(), payload.end());
                   return trouble;
                 },
             .short_id =
                 [this](PeerName name) {
                   auto found = ids.find(name);
                   return found == ids.end() ? std::nullopt : std::optional(found->second);
                 }},
        forwarder(link_of(initiator), *fast_hop(link_of(initiator), 6784), port) {}

  // The other end's packets, as the kernel would hand them over.
  void receive(const Bytes& packet, Ipv4 from, Time now) {
    ByteView frame = ByteView(packet).subspan(vxlan_header);
    forwarder.receive({.vni = *decode_vxlan(packet),
                       .remote = from,
                       .local = {},
                       .size = frame.size(),
                       .head = Bytes(frame.begin(), frame.begin() + 24)},
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

TEST_CASE("both ends use the VXLAN port of the one that accepted") {
  CHECK(fast_hop(link_of(true, 7000), 6784) == FastHop{ip_a, ip_b, 7001});
  CHECK(fast_hop(link_of(false, 41234), 7001) == FastHop{ip_b, ip_a, 7001});
  CHECK_FALSE(fast_hop(link_of(true, 65535), 6784));
}

TEST_CASE("the fast datapath refuses what it can't carry, encrypted connections first of all") {
  auto link = link_of(true);
  link.key = Secret(Bytes(32, 1));
  auto refused = fast_hop(link, 6784);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().find("ESP") != std::string::npos);
  link = link_of(true);
  link.remote_address.reset();
  CHECK_FALSE(fast_hop(link, 6784));
}

TEST_CASE("nothing is sent before the confirmation, then heartbeats until one is acknowledged") {
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
  CHECK(events.control == std::vector{ControlMessage{0, {}}});
  CHECK_FALSE(events.established);
  CHECK_FALSE(events.healthy);
  them.receive(us.sent[0], ip_a, start + 1s);
  CHECK(them.forwarder.take_events().control.empty());
}

TEST_CASE("a heartbeat before the confirmation, of another connection or from another peer counts for nothing") {
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

TEST_CASE("a minute without heartbeats puts it on hold, the next one takes it off") {
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

TEST_CASE("a peer that misses heartbeats is told, and says when they come again") {
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
  CHECK(us.forwarder.take_events().healthy == false);
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

TEST_CASE("a peer that never answers is asked every 500 ms for a minute, then every 10 s") {
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

TEST_CASE("the peer's address follows its heartbeats") {
  End us(true), them(false);
  us.forwarder.confirm(start);
  them.forwarder.confirm(start);
  them.receive(us.sent[0], {0x0a000009}, start);
  CHECK(them.forwarder.hop() == FastHop{ip_b, {0x0a000009}, 6784});
}

TEST_CASE("the peer's MTU is learnt") {
  End us(true);
  us.forwarder.confirm(start);
  us.receive(encode_heartbeat(make_vni(0x9b9, 0xc46), uid, 1376), ip_b, start);
  CHECK(us.forwarder.remote_mtu() == 1376);
  CHECK(us.forwarder.mtu() == 1410);
}

TEST_CASE("trouble with sending is remembered, and heartbeats go on") {
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

TEST_CASE("control messages that make no sense are ignored") {
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
