#include "overlay/sleeve/forwarding.hpp"

#include <catch2/catch.hpp>
#include <thread>

#include "unit/overlay/frames.hpp"

using namespace weave;
using namespace weave::overlay;
using namespace std::chrono_literals;

namespace {

using Time = MacTable::Time;

const PeerName us{0x0a}, near{0x0b}, far{0x0c}, stranger{0x99};
const Mac here{{0x02, 0, 0, 0, 1, 1}}, there{{0x02, 0, 0, 0, 2, 2}}, everybody{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

// us ── near ── far
Topology table() {
  return {.self = us, .next_hop = {{near, near}, {far, near}}, .broadcast = {{us, {near}}, {near, {}}, {far, {}}}};
}

Bytes frame(const Mac& from, const Mac& to) {
  return test::tcp_frame({.data = 10, .from = from, .to = to});
}

Bytes arp(const Mac& from, uint8_t sender_ip, uint8_t target_ip) {
  Writer out;
  out.bytes(everybody.bytes);
  out.bytes(from.bytes);
  out.u16(0x0806);
  out.u64(0x0001080006040001);
  out.bytes(from.bytes);
  out.u32(0x0a200000u + sender_ip);
  out.bytes(Bytes(6));
  out.u32(0x0a200000u + target_ip);
  return out.take();
}

struct Core {
  Topology topology = table();
  MacTable macs;
  Time now = Time{} + 1h;

  Decision captured(ByteView bytes) { return decide_captured(topology, macs, bytes, now); }
  Decision received(PeerName source, PeerName destination, ByteView bytes, PeerName from = near) {
    return decide_received(topology, macs, from, source, destination, bytes, now);
  }
};

std::vector<PeerName> hops(const Decision& decision) {
  return {decision.hops.begin(), decision.hops.end()};
}

}  // namespace

TEST_CASE("captured frames are flooded for unknown MACs, sent for known ones and left to the bridge for local ones") {
  Core core;
  auto unknown = core.captured(frame(here, there));
  CHECK_FALSE(unknown.drop);
  CHECK(unknown.flooded());
  CHECK(unknown.source == us);
  CHECK(hops(unknown) == std::vector{near});
  CHECK_FALSE(unknown.inject);
  CHECK(core.macs.find(here, core.now) == us);

  CHECK(core.received(far, us, frame(there, here)).inject);
  auto known = core.captured(frame(here, there));
  CHECK(known.destination == far);
  CHECK(hops(known) == std::vector{near});

  Mac neighbour{{0x02, 0, 0, 0, 1, 9}};
  core.captured(frame(neighbour, everybody));
  CHECK(core.captured(frame(here, neighbour)).drop == Drop::kLocal);
  CHECK(core.captured(frame(here, everybody)).flooded());
  CHECK(core.captured(frame(here, Mac{{0x01, 0x80, 0xc2, 0, 0, 0}})).drop == Drop::kReserved);
}

TEST_CASE("a captured frame with a MAC of another peer is dropped unless it is an announcement") {
  Core core;
  core.received(far, us, frame(there, everybody));
  CHECK(core.captured(frame(there, everybody)).drop == Drop::kSourceElsewhere);
  CHECK(core.captured(arp(there, 5, 6)).drop == Drop::kSourceElsewhere);
  CHECK(core.macs.find(there, core.now) == far);
  auto announced = core.captured(arp(there, 5, 5));
  CHECK_FALSE(announced.drop);
  CHECK(announced.moved == far);
  CHECK(core.macs.find(there, core.now) == us);
  // After ten minutes of silence it may be anywhere.
  core.received(far, us, frame(there, everybody));
  core.now += 11min;
  CHECK_FALSE(core.captured(frame(there, everybody)).drop);
}

TEST_CASE("frames with impossible source MACs are dropped on either side") {
  Core core;
  for (const auto& source : {Mac{}, everybody, Mac{{0x01, 0, 0x5e, 0, 0, 1}}}) {
    CHECK(core.captured(frame(source, there)).drop == Drop::kSourceMac);
    CHECK(core.received(far, us, frame(source, here)).drop == Drop::kSourceMac);
    CHECK(core.received(far, near, frame(source, here)).drop == Drop::kSourceMac);
  }
  CHECK(core.received(far, us, frame(us.mac(), everybody)).drop == Drop::kSpoofed);
  CHECK(core.captured(Bytes(13)).drop == Drop::kMalformed);
  CHECK(core.received(far, us, Bytes(13)).drop == Drop::kMalformed);
  CHECK(core.macs.entries(core.now).empty());
}

TEST_CASE("a received frame for us is learnt, delivered, and flooded on unless its receiver is local") {
  Core core;
  core.topology.broadcast[near] = {far};
  core.captured(frame(here, everybody));
  auto known = core.received(near, us, frame(there, here));
  CHECK(known.inject);
  CHECK(known.hops.empty());
  CHECK(core.macs.find(there, core.now) == near);
  auto flooded = core.received(near, us, frame(there, everybody));
  CHECK(flooded.inject);
  CHECK(flooded.flooded());
  CHECK(flooded.source == near);
  CHECK(hops(flooded) == std::vector{far});
  auto moved = core.received(far, us, frame(there, here));
  CHECK(moved.moved == near);
  CHECK(core.macs.find(there, core.now) == far);
}

TEST_CASE("a received frame for another peer is relayed without learning its MAC") {
  Core core;
  core.topology = {.self = us, .next_hop = {{near, near}, {far, far}}, .broadcast = {{us, {}}, {near, {}}, {far, {}}}};
  auto relayed = core.received(near, far, frame(here, there));
  CHECK_FALSE(relayed.drop);
  CHECK_FALSE(relayed.inject);
  CHECK(relayed.source == near);
  CHECK(relayed.destination == far);
  CHECK(hops(relayed) == std::vector{far});
  CHECK(core.macs.entries(core.now).empty());
  CHECK(core.received(near, stranger, frame(here, there)).drop == Drop::kNoRoute);
}

TEST_CASE("a received frame that loops is dropped") {
  Core core;
  CHECK(core.received(us, far, frame(here, there)).drop == Drop::kOwn);
  CHECK(core.received(stranger, us, frame(here, there)).drop == Drop::kUnknownPeer);
  // near would pass on by us what we would give back to it
  CHECK(core.received(near, far, frame(here, there)).drop == Drop::kLoop);
}

TEST_CASE("MACs are forgotten after ten minutes, and with their peer") {
  MacTable macs;
  auto now = Time{} + 1000h;
  macs.learn(here, us, now);
  macs.learn(there, far, now);
  CHECK(macs.find(there, now + 10min) == far);
  CHECK_FALSE(macs.find(there, now + 11min));
  CHECK(macs.entries(now).size() == 2);
  macs.forget(far);
  CHECK_FALSE(macs.find(there, now));
  CHECK(macs.find(here, now) == us);
  macs.expire(now + 11min);
  // Otherwise it would come back to life when the 16 bits have gone round.
  CHECK_FALSE(macs.find(here, now + std::chrono::minutes(65536)));
  CHECK_FALSE(macs.learn(there, us, now));  // expired isn't moved
}

TEST_CASE("forged MACs take bounded memory, and real ones are still learnt") {
  MacTable macs;
  auto now = Time{} + 1h;
  for (uint64_t i = 1; i < 200000; ++i) macs.learn(PeerName{0x020000000000 + i}.mac(), us, now);
  CHECK(macs.entries(now).size() <= 16384);
  for (uint64_t i = 1; i <= 1000; ++i) {
    Mac fresh = PeerName{0x060000000000 + i}.mac();
    macs.learn(fresh, far, now + 1min);
    CHECK(macs.find(fresh, now + 1min) == far);
  }
}

TEST_CASE("concurrent readers see only complete entries") {
  MacTable macs;
  auto now = Time{} + 1h;
  std::atomic<bool> stop{false}, wrong{false};
  std::thread reader([&] {
    while (!stop)
      for (uint64_t i = 1; i < 2000; ++i)
        if (auto peer = macs.find(PeerName{i << 1}.mac(), now))
          if (peer->value % 1000 != i % 1000) wrong = true;
  });
  for (uint64_t round = 0; round < 20; ++round)
    for (uint64_t i = 1; i < 20000; ++i) macs.learn(PeerName{i << 1}.mac(), {round * 1000 + i % 1000}, now);
  stop = true;
  reader.join();
  CHECK_FALSE(wrong);
}
