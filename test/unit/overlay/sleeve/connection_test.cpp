#include "overlay/sleeve/connection.hpp"

#include <catch2/catch.hpp>

#include "base/hex.hpp"

using namespace weave;
using namespace weave::overlay;
using namespace std::chrono_literals;

namespace {

struct Packet {
  UdpAddress to;
  Bytes payload;
  bool df;
};

const PeerName a{0x02000000000a}, b{0x02000000000b};
const UdpAddress at_a{{0x0a000001}, 6783}, at_b{{0x0a000002}, 6783};

// One end of a connection, whose packets are kept.
struct End {
  explicit End(bool initiator, Secret key = {}, int route_mtu = 1500)
      : port{[this, route_mtu](const UdpAddress& to, Ipv4, ByteView payload, bool df) -> SleevePort::Sent {
          if (!trouble.empty()) return {false, 0, trouble};
          if (df && payload.size() + 28 > static_cast<size_t>(route_mtu)) return {false, route_mtu, "too big"};
          packets.push_back({to, Bytes(payload.begin(), payload.end()), df});
          return {};
        }},
        sleeve({.self = initiator ? a : b,
                .remote = initiator ? b : a,
                .remote_label = "peer",
                .conn_uid = 0x8febf600eb3d3070,
                .initiator = initiator,
                .key = std::move(key),
                .local = initiator ? at_a : at_b,
                .remote_address = initiator ? at_b : UdpAddress{{0x0a000001}, 41234}},
               port) {}
  // As the receiving thread does it.
  void receive(ByteView packet, const UdpAddress& from, Time now) {
    auto opened = sleeve.path().tunnel->opener.open(packet);
    if (!opened || !*opened) return;
    for (const auto& record : decode_records(**opened).records)
      if (Sleeve::is_special(record.frame))
        sleeve.receive(record, from, now);
      else
        frames.emplace_back(record.frame.begin(), record.frame.end());
  }
  std::vector<Packet> packets;
  std::vector<Bytes> frames;
  std::string trouble;
  SleevePort port;
  Sleeve sleeve;
};

// Carries everything to and fro until nothing moves. `limit`: larger packets in one piece get lost.
void settle(End& one, End& other, Time now, bool& one_up, bool& other_up, size_t limit = 65535, bool fragments = true) {
  for (bool moved = true; moved;) {
    moved = false;
    auto carry = [&](End& from, End& to, const UdpAddress& address, bool& up) {
      for (auto& packet : std::exchange(from.packets, {})) {
        moved = true;
        if (packet.df ? packet.payload.size() + 28 > limit : packet.payload.size() > 1472 && !fragments) continue;
        to.receive(packet.payload, address, now);
      }
      auto events = from.sleeve.take_events();
      up = up || events.established;
      for (auto& message : events.control) {
        moved = true;
        to.sleeve.control(message.tag, message.payload, now);
      }
    };
    carry(one, other, at_a, one_up);
    carry(other, one, at_b, other_up);
  }
}

}  // namespace

TEST_CASE("the first heartbeat equals that of Weave Net") {
  End one(true);
  one.sleeve.confirm(Time{});
  REQUIRE(one.packets.size() == 1);
  CHECK(one.packets[0].to == at_b);
  CHECK(one.packets[0].df);
  CHECK(to_hex(one.packets[0].payload) ==
        "02000000000a02000000000a02000000000b001600000000000000000000000000008febf600eb3d3070");
}

TEST_CASE("two ends establish, in clear and encrypted, and find the MTU") {
  bool encrypted = GENERATE(false, true);
  Secret key = encrypted ? Secret(Bytes(32, 7)) : Secret();
  End one(true, key), other(false, key);
  bool one_up = false, other_up = false;
  other.sleeve.confirm(Time{});
  CHECK(other.packets.empty());  // it doesn't know where to
  one.sleeve.confirm(Time{});
  settle(one, other, Time{}, one_up, other_up);
  CHECK(one_up);
  CHECK(other_up);
  CHECK(other.sleeve.path().remote == at_a);
  for (End* end : {&one, &other}) {
    CHECK(end->sleeve.mtu() == (encrypted ? 1414 : 1438));
    CHECK(end->sleeve.path().fragments_pass);
    CHECK(end->sleeve.next_tick() == Time{} + 1s);
  }
}

TEST_CASE("the MTU search finds the MTU of a path narrower than its first hop") {
  End one(true), other(false);
  bool one_up = false, other_up = false;
  Time now{};
  other.sleeve.confirm(now);
  one.sleeve.confirm(now);
  settle(one, other, now, one_up, other_up, 1380, false);
  while (now < Time{} + 20s) {
    now = std::min(one.sleeve.next_tick(), other.sleeve.next_tick());
    one.sleeve.tick(now);
    other.sleeve.tick(now);
    settle(one, other, now, one_up, other_up, 1380, false);
  }
  CHECK(one.sleeve.mtu() == 1318);
  CHECK_FALSE(one.sleeve.path().fragments_pass);
}

TEST_CASE("heartbeats are sent every 500 ms until acknowledged, then every 10 s; 60 s of silence end the connection") {
  End one(true);
  Time now{};
  one.sleeve.confirm(now);
  for (int i = 1; i <= 4; ++i) {
    CHECK(one.sleeve.next_tick() == Time{} + i * 500ms);
    one.sleeve.tick(Time{} + i * 500ms);
  }
  CHECK(one.packets.size() == 5);
  now = Time{} + 2s;
  one.sleeve.control(1, {}, now);
  CHECK(one.sleeve.take_events().established);
  CHECK(one.packets.size() == 7);  // fragmentation test, one MTU test at the first hop's size
  CHECK(one.packets[5].payload.size() == 60001 + 20);
  CHECK_FALSE(one.packets[5].df);
  CHECK(one.packets[6].payload.size() + 28 == 1500);
  std::string failed;
  while (failed.empty()) {
    now = one.sleeve.next_tick();
    REQUIRE(now < Time{} + 100s);
    one.sleeve.tick(now);
    failed = one.sleeve.take_events().failed;
  }
  CHECK(now == Time{} + 60s);
  CHECK(failed == "timed out waiting for UDP heartbeat");
  CHECK(one.sleeve.next_tick() == Time::max());
}

TEST_CASE("between peers of our kind a path that breaks is put on hold, and is of use again when heartbeats arrive") {
  End one(true), other(false);
  Time now{};
  bool one_up = false, other_up = false;
  one.sleeve.confirm(now);
  other.sleeve.confirm(now);
  settle(one, other, now, one_up, other_up);
  REQUIRE(one_up);
  REQUIRE(other_up);
  auto second = [&](bool pass) {
    now += 1s;
    ForwarderEvents last;
    for (End* end : {&one, &other})
      if (end->sleeve.next_tick() <= now) end->sleeve.tick(now);
    for (int i = 0; i < 3; ++i) {
      auto carry = [&](End& from, End& to, const UdpAddress& address) {
        for (auto& packet : std::exchange(from.packets, {}))
          if (pass) to.receive(packet.payload, address, now);
        auto events = from.sleeve.take_events();
        CHECK(events.failed.empty());
        if (&from == &one && events.healthy) last.healthy = events.healthy;
        for (auto& message : events.control) to.sleeve.control(message.tag, message.payload, now);
      };
      carry(one, other, at_a);
      carry(other, one, at_b);
    }
    return last.healthy;
  };
  for (int i = 0; i < 20; ++i) CHECK_FALSE(second(true));
  std::optional<bool> healthy;
  for (int i = 0; i < 8 && !healthy; ++i) healthy = second(false);
  CHECK(healthy == false);
  CHECK(one.sleeve.trouble() == "no heartbeats of the peer arrive: is its UDP port open on this host and on the way?");
  healthy.reset();
  for (int i = 0; i < 2 && !healthy; ++i) healthy = second(true);
  CHECK(healthy == true);
  CHECK(one.sleeve.trouble().empty());
}

TEST_CASE("packets before the confirmation or between other peers are ignored") {
  End one(true), other(false);
  one.sleeve.confirm(Time{});
  auto heartbeat = one.packets.at(0).payload;
  other.receive(heartbeat, at_a, Time{});
  CHECK(other.sleeve.take_events().control.empty());
  other.sleeve.confirm(Time{});
  auto wrong_uid = heartbeat;
  wrong_uid.back() ^= 1;
  other.receive(wrong_uid, at_a, Time{});
  auto from_another = heartbeat;
  from_another[11] ^= 1;
  other.receive(from_another, at_a, Time{});
  CHECK(other.sleeve.take_events().control.empty());
  CHECK_FALSE(other.sleeve.path().remote);
  other.receive(heartbeat, at_a, Time{});
  CHECK(other.sleeve.take_events().control == std::vector<ControlMessage>{{1, {}}, {18, {}}});
  REQUIRE(other.packets.size() == 1);
  CHECK(other.packets[0].to == at_a);
  other.receive(heartbeat, at_a, Time{});
  CHECK(other.sleeve.take_events().control.empty());  // acknowledged once only
  UdpAddress moved{{0x0a000009}, 999};
  other.receive(heartbeat, moved, Time{});
  CHECK(other.sleeve.path().remote == moved);
}

TEST_CASE("MTU test packets of the peer are answered") {
  End other(false);
  other.sleeve.confirm(Time{});
  auto test = [&](size_t frame_size, uint8_t fill = 0) {
    Bytes frame(frame_size, 0);
    if (fill) frame.back() = fill;
    Writer records;
    append_record(records, a, b, frame);
    other.receive(SleeveSealer(a, {}, true).seal(records.out(), true), at_a, Time{});
    return other.sleeve.take_events().control;
  };
  CHECK(test(60001) == std::vector<ControlMessage>{{2, {}}});
  CHECK(test(60001, 1).empty());
  CHECK(test(60000) == std::vector<ControlMessage>{{3, {0xea, 0x52}}});
  CHECK(test(1452) == std::vector<ControlMessage>{{3, {0x05, 0x9e}}});
  CHECK(test(14) == std::vector<ControlMessage>{{3, {0, 0}}});
  CHECK(test(13).empty());
  CHECK(other.frames.size() == 1);  // too short for a frame of the router, so it is a container's
}

TEST_CASE("a route that is missing for a moment doesn't end the connection") {
  End one(true);
  one.trouble = "Network is unreachable";
  one.sleeve.confirm(Time{});
  one.sleeve.tick(Time{} + 500ms);
  CHECK(one.sleeve.take_events().failed.empty());
  one.trouble.clear();
  one.sleeve.tick(Time{} + 1s);
  CHECK(one.packets.size() == 1);
}

TEST_CASE("requests for another MTU search are rate-limited") {
  End one(true);
  one.sleeve.confirm(Time{});
  for (int i = 0; i < 100; ++i) one.sleeve.control(1, {}, Time{});
  CHECK(one.packets.size() == 3);
  one.sleeve.control(1, {}, Time{} + 2s);
  CHECK(one.packets.size() > 3);
}
