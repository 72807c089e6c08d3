// The programs themselves, run by the kernel on frames that are made here, without interfaces.
#include <linux/pkt_cls.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "host/netlink.hpp"
#include "host/netns.hpp"
#include "overlay/fastdp/counters.hpp"
#include "overlay/fastdp/io/kernel.hpp"
#include "overlay/fastdp/packet.hpp"
#include "unit/skip.hpp"

using namespace weave;
using namespace weave::overlay;

using Counted = std::map<std::string, uint64_t>;

template <>
struct Catch::StringMaker<Counted> {
  static std::string convert(const Counted& counted) {
    std::string out;
    for (const auto& [name, frames] : counted) out += fmt::format("{} {} ", name, frames);
    return out;
  }
};

namespace {

constexpr uint16_t us = 1, b = 2, c = 3, d = 4;
const FastHop to_b{{0x0a000001}, {0x0a000002}, 6784}, to_d{{0x0a000001}, {0x0a000004}, 6784};
const Mac ours{{2, 0, 0, 0, 0, 1}}, other{{2, 0, 0, 0, 0, 9}}, at_b{{2, 0, 0, 0, 0, 2}},
    all{{255, 255, 255, 255, 255, 255}}, none{};
constexpr uint16_t ipv4 = 0x0800, arp = 0x0806;

Bytes frame(const Mac& to, const Mac& from, uint16_t type = ipv4, Bytes payload = Bytes(46)) {
  Writer out;
  out.bytes(to.bytes);
  out.bytes(from.bytes);
  out.u16(type);
  out.bytes(payload);
  return out.take();
}

Bytes gratuitous_arp(const Mac& from) {
  Writer out;
  for (uint16_t word : {1, 0x0800, 0x0604, 1}) out.u16(word);
  out.bytes(from.bytes);
  out.u32(0x0a200001);
  out.bytes(all.bytes);
  out.u32(0x0a200001);
  return frame(all, from, arp, out.take());
}

// The programs, in a namespace whose loopback device stands for all others: what a program sends there is gone.
struct Programs {
  explicit Programs(bool direct) : kernel("", direct, true) {
    FastSnapshot snapshot;
    snapshot.self = us;
    snapshot.peers[b] = {FastWay::Kind::kFast, to_b, {11}};
    snapshot.peers[c] = {FastWay::Kind::kFast, to_b, {12}};
    snapshot.peers[d] = {FastWay::Kind::kFast, to_d, {13}};
    snapshot.peers[5] = {FastWay::Kind::kUnreachable, {}, {14}};
    snapshot.peers[6] = {FastWay::Kind::kSleeve, {}, {15}};
    snapshot.floods[us] = {b, d};
    snapshot.floods[b] = {d};
    snapshot.sources = {{to_b.remote, source_of(to_b)}, {to_d.remote, source_of(to_d)}};
    kernel.apply(table.update(snapshot, {}), [](uint16_t) { return 1; });
    auto settings = kernel.settings();
    settings.bridge_port = 1;
    settings.epoch = 5;
    settings.port = 6784;
    kernel.set_settings(settings);
    before = kernel.counters();
  }

  // What a program did with a frame: the counters that went up.
  Counted counted() {
    Counted out;
    auto now = kernel.counters();
    for (size_t i = 0; i < FASTDP_COUNTERS; ++i)
      if (now[i] != before[i]) out[std::string(counter_name(i))] = now[i] - before[i];
    before = now;
    return out;
  }
  Counted run(const std::string& program, const Bytes& bytes, uint32_t vni = 0, Ipv4 remote = {}, uint32_t mark = 0) {
    verdict = kernel.run(program, bytes, vni, remote, mark).verdict;
    return counted();
  }
  // From now on everything between b and us is encrypted.
  void encrypt_b(int underlay = 0) {
    auto snapshot = table.wanted();
    auto hop = to_b;
    hop.mark = FASTDP_MARK;
    hop.underlay = underlay;
    snapshot.peers[b].hop = hop;
    snapshot.sources[hop.remote] = source_of(hop);
    kernel.apply(table.update(snapshot, {}), [](uint16_t) { return 1; });
  }
  Counted from_bridge(const Bytes& bytes) { return run("from_bridge", bytes); }
  Counted from_tunnel(const Bytes& bytes, uint16_t source, uint16_t destination, Ipv4 remote = to_b.remote) {
    return run("from_tunnel_test", bytes, make_vni(source, destination), remote);
  }
  uint32_t place(const Mac& mac) {
    for (const auto& entry : kernel.macs())
      if (entry.mac == mac) return entry.place;
    return 0xdead;
  }

  FastKernel kernel;
  FastTable table;
  std::vector<uint64_t> before;
  int verdict = 0;
};

// Runs a test with the programs, or says why it can't: not being root, or a kernel that has no such programs.
template <class Test>
void with_programs(Test&& test, bool direct = true) {
  if (geteuid() != 0) {
    test::skip("only root may load programs into the kernel");
    return;
  }
  host::NetNs::make().run([&] {
    host::Netlink().set_up(1);
    std::optional<Programs> programs;
    try {
      programs.emplace(direct);
    } catch (const Error& error) {
      if (error.code() != EPERM && error.code() != ENOSYS) throw;
      test::skip(error.what());
      return;
    }
    test(*programs);
  });
}

}  // namespace

TEST_CASE("a local broadcast goes to each neighbour in our tree, and its sender is learnt", "[bpf]") {
  with_programs([](Programs& it) {
    CHECK(it.from_bridge(frame(all, ours)) == Counted{{"sent", 2}});
    CHECK(it.verdict == TC_ACT_SHOT);
    CHECK(it.place(ours) == FASTDP_PLACE_BRIDGE);
  });
}

TEST_CASE("unicast goes to the peer of its MAC, and is flooded while the MAC is unknown", "[bpf]") {
  with_programs([](Programs& it) {
    CHECK(it.from_bridge(frame(at_b, ours)) == Counted{{"sent", 2}});
    CHECK(it.from_tunnel(frame(ours, at_b), b, us) == Counted{{"received", 1}});
    CHECK(it.verdict == TC_ACT_REDIRECT);
    CHECK(it.place(at_b) == b);
    CHECK(it.from_bridge(frame(at_b, ours)) == Counted{{"sent", 1}});
    CHECK(it.verdict == TC_ACT_REDIRECT);
  });
}

TEST_CASE("frames that the bridge has delivered and spanning tree frames are dropped", "[bpf]") {
  with_programs([](Programs& it) {
    it.from_bridge(frame(all, other));
    CHECK(it.from_bridge(frame(other, ours)) == Counted{{"local", 1}});
    CHECK(it.from_bridge(frame(Mac{{1, 0x80, 0xc2, 0, 0, 0}}, ours)) == Counted{{"reserved", 1}});
  });
}

TEST_CASE("frames with a zero or multicast source MAC are dropped from both sides", "[bpf]") {
  with_programs([](Programs& it) {
    CHECK(it.from_bridge(frame(all, none)) == Counted{{"source_mac", 1}});
    CHECK(it.from_bridge(frame(all, Mac{{1, 0, 0, 0, 0, 1}})) == Counted{{"source_mac", 1}});
    CHECK(it.from_bridge(frame(none, none)) == Counted{{"source_mac", 1}});
    CHECK(it.from_tunnel(frame(ours, none), b, us) == Counted{{"source_mac", 1}});
    CHECK(it.run("from_container", frame(all, none)) == Counted{{"source_mac", 1}});
    CHECK(it.kernel.macs().empty());
  });
}

TEST_CASE("a MAC of a peer becomes local by an announcement only, not by a looped frame", "[bpf]") {
  with_programs([](Programs& it) {
    it.from_tunnel(frame(all, at_b), b, us);
    it.counted();
    CHECK(it.from_bridge(frame(all, at_b)) == Counted{{"source_elsewhere", 1}});
    CHECK(it.place(at_b) == b);
    CHECK(it.from_bridge(gratuitous_arp(at_b)) == Counted{{"moved", 1}, {"sent", 2}});
    CHECK(it.place(at_b) == FASTDP_PLACE_BRIDGE);
  });
}

TEST_CASE("a MAC moves from peer to peer, and from us to a peer, with its first frame", "[bpf]") {
  with_programs([](Programs& it) {
    it.from_tunnel(frame(all, other), b, us);
    CHECK(it.from_tunnel(frame(all, other), d, us, to_d.remote) == Counted{{"moved", 1}, {"received", 1}});
    CHECK(it.place(other) == d);
    it.from_bridge(frame(all, ours));
    CHECK(it.from_tunnel(frame(all, ours), d, us, to_d.remote)["moved"] == 1);
    CHECK(it.place(ours) == d);
  });
}

TEST_CASE("frames from unknown peers, with unknown sources or with our own source are dropped", "[bpf]") {
  with_programs([](Programs& it) {
    CHECK(it.from_tunnel(frame(ours, at_b), b, us, {0x0a0000ff}) == Counted{{"unknown_sender", 1}});
    CHECK(it.from_tunnel(frame(ours, at_b), 77, us) == Counted{{"unknown_peer", 1}});
    CHECK(it.from_tunnel(frame(ours, at_b), us, us) == Counted{{"own", 1}});
    CHECK(it.from_tunnel(frame(ours, at_b), b, 77) == Counted{{"unknown_peer", 1}});
    CHECK(it.kernel.macs().empty());
  });
}

TEST_CASE("frames for another peer are relayed, but not to where they came from", "[bpf]") {
  with_programs([](Programs& it) {
    CHECK(it.from_tunnel(frame(other, at_b), b, d) == Counted{{"relayed", 1}});
    CHECK(it.verdict == TC_ACT_REDIRECT);
    CHECK(it.from_tunnel(frame(other, at_b), b, c) == Counted{{"loop", 1}});
    CHECK(it.from_tunnel(frame(other, at_b), b, 5) == Counted{{"no_route", 1}});
    CHECK(it.from_tunnel(frame(other, at_b), b, 6) == Counted{{"no_route", 1}});
    CHECK(it.place(at_b) == 0xdead);  // S isn't where a relay learns
  });
}

TEST_CASE("a received broadcast is delivered and passed on along its source's tree, but not back", "[bpf]") {
  with_programs([](Programs& it) {
    CHECK(it.from_tunnel(frame(all, at_b), b, us) == Counted{{"received", 1}, {"sent", 1}});
    CHECK(it.verdict == TC_ACT_REDIRECT);
    CHECK(it.from_tunnel(frame(all, at_b), b, us, to_d.remote) == Counted{{"received", 1}});
    CHECK(it.from_tunnel(frame(all, other), d, us, to_d.remote) == Counted{{"received", 1}});
    it.from_bridge(frame(all, ours));
    CHECK(it.from_tunnel(frame(ours, at_b), b, us) == Counted{{"received", 1}});
  });
}

TEST_CASE("heartbeats from any address come through the ring buffer", "[bpf]") {
  with_programs([](Programs& it) {
    std::vector<ReceivedHeartbeat> heard;
    it.kernel.on_heartbeat = [&](const ReceivedHeartbeat& heartbeat) { heard.push_back(heartbeat); };
    auto packet = encode_heartbeat(make_vni(b, us), 0x7b6c9ff1feff0db6, 1410);
    Bytes inner(packet.begin() + kVxlanHeader, packet.end());
    CHECK(it.from_tunnel(inner, b, us, {0x0a0000ff}) == Counted{{"heartbeats", 1}});
    it.kernel.read_heartbeats();
    REQUIRE(heard.size() == 1);
    CHECK(heard[0].remote == Ipv4{0x0a0000ff});
    CHECK(heard[0].vni == make_vni(b, us));
    CHECK(decode_heartbeat(heard[0].head, heard[0].size) == 0x7b6c9ff1feff0db6);

    // Strangers can't fill all of it.
    for (int i = 0; i < 2000; ++i) it.from_tunnel(inner, b, us, {0x0a0000ff});
    CHECK(it.from_tunnel(inner, b, us, {0x0a0000ff}) == Counted{{"heartbeat_unread", 1}});
    CHECK(it.from_tunnel(inner, b, us) == Counted{{"heartbeats", 1}});
  });
}

TEST_CASE("known unicast of a container skips the bridge, other frames go to the bridge", "[bpf]") {
  with_programs([](Programs& it) {
    CHECK(it.run("from_container", frame(at_b, ours)).empty());
    CHECK(it.verdict == TC_ACT_OK);
    CHECK(it.place(ours) == (FASTDP_PLACE_CONTAINER | 1));
    it.from_tunnel(frame(all, at_b), b, us);
    CHECK(it.run("from_container", frame(at_b, ours)) == Counted{{"sent", 1}});
    CHECK(it.verdict == TC_ACT_REDIRECT);
    CHECK(it.run("from_container", frame(all, ours)).empty());
    CHECK(it.verdict == TC_ACT_OK);
    CHECK(it.from_tunnel(frame(ours, at_b), b, us) == Counted{{"received", 1}, {"direct", 1}});
    // The bridge floods what the container broadcasts; that doesn't make the container less known.
    CHECK(it.from_bridge(frame(all, ours)) == Counted{{"sent", 2}});
    CHECK(it.place(ours) == (FASTDP_PLACE_CONTAINER | 1));
  });
}

TEST_CASE("a remote frame cannot take over a container's MAC, nor any frame the host's MAC", "[bpf]") {
  with_programs([](Programs& it) {
    it.run("from_container", frame(all, ours));
    CHECK(it.from_tunnel(frame(all, ours), b, us) == Counted{{"spoofed", 1}});
    it.kernel.set_mac(other, FASTDP_PLACE_HOST, 5);
    CHECK(it.from_tunnel(frame(all, other), b, us) == Counted{{"spoofed", 1}});
    CHECK(it.run("from_container", frame(all, other)) == Counted{{"spoofed", 1}});
    CHECK(it.from_tunnel(frame(other, at_b), b, us) == Counted{{"received", 1}});
  });
}

TEST_CASE("without a short id no frame leaves the host, and local frames take the bridge", "[bpf]") {
  with_programs([](Programs& it) {
    auto settings = it.kernel.settings();
    settings.self = FASTDP_NO_SELF;
    it.kernel.set_settings(settings);
    CHECK(it.from_bridge(frame(all, ours)) == Counted{{"no_short_id", 1}});
    CHECK(it.from_tunnel(frame(all, at_b), b, us) == Counted{{"no_short_id", 1}});
    it.run("from_container", frame(all, ours));
    CHECK(it.verdict == TC_ACT_OK);
  });
}

TEST_CASE("a frame refreshes the age of its MAC", "[bpf]") {
  with_programs([](Programs& it) {
    it.from_bridge(frame(all, ours));
    auto settings = it.kernel.settings();
    settings.epoch = 8;
    it.kernel.set_settings(settings);
    it.from_bridge(frame(all, ours));
    CHECK(it.kernel.macs().at(0).epoch == 8);
  });
}

TEST_CASE("frames that are too short are dropped", "[bpf]") {
  with_programs([](Programs& it) {
    Bytes runt(14);
    CHECK(it.from_tunnel(runt, b, us) == Counted{{"heartbeats", 1}});
    runt[5] = 1;
    CHECK(it.from_tunnel(runt, b, us) == Counted{{"source_mac", 1}});
  });
}

TEST_CASE("frames for sleeve are dropped without its TAP, and tagged with the peer with it", "[bpf]") {
  with_programs([](Programs& it) {
    it.kernel.set_mac(other, 6, 5);
    CHECK(it.from_bridge(frame(other, ours)) == Counted{{"no_route", 1}});
    auto settings = it.kernel.settings();
    settings.sleeve = 1;
    it.kernel.set_settings(settings);
    CHECK(it.from_bridge(frame(other, ours)) == Counted{{"to_sleeve", 1}});
    CHECK(it.verdict == TC_ACT_REDIRECT);
    CHECK(it.from_tunnel(frame(other, at_b), b, 6) == Counted{{"to_sleeve", 1}});
    auto relayed = it.kernel.run("from_tunnel_test", frame(other, at_b), make_vni(b, 6), to_b.remote).frame;
    it.counted();
    // Two tags: one of them may still stand beside the frame, not in it.
    CHECK(relayed.size() > 60);
  });
}

namespace {

// As a neighbour sends it: Ethernet, IPv4, UDP, VXLAN, and the frame.
Bytes packet(const Bytes& inner, uint16_t source, uint16_t destination, uint8_t tos = 0, Ipv4 from = to_b.remote,
             Ipv4 to = to_b.local, uint16_t udp = 6784, uint16_t fragment = 0x4000) {
  Writer out;
  out.bytes(ours.bytes);
  out.bytes(other.bytes);
  out.u16(ipv4);
  out.u8(0x45);
  out.u8(tos);
  out.u16(static_cast<uint16_t>(inner.size() + 36));
  out.u16(0);
  out.u16(fragment);
  out.u16(64 << 8 | 17);
  out.u16(0);
  out.u32(from.value);
  out.u32(to.value);
  out.u16(40000);
  out.u16(udp);
  out.u16(static_cast<uint16_t>(inner.size() + 16));
  out.u16(0);
  out.u32(0x08000000);
  out.u32(make_vni(source, destination) << 8);
  out.bytes(inner);
  return out.take();
}

Bytes ip_payload(uint8_t tos = 0) {
  Bytes payload(46);
  payload[0] = 0x45;
  payload[1] = tos;
  return payload;
}

const FastHop push_to_b{to_b.local, to_b.remote, to_b.port, 1, {}};

}  // namespace

TEST_CASE("a VXLAN packet for a local container is decapsulated", "[bpf]") {
  with_programs([](Programs& it) {
    it.run("from_container", frame(all, ours));
    auto inner = frame(ours, at_b, ipv4, ip_payload());
    auto ran = it.kernel.run("from_wire", packet(inner, b, us));
    CHECK(ran.verdict == TC_ACT_REDIRECT);
    CHECK(ran.frame == inner);
    CHECK(it.counted() == Counted{{"direct", 1}, {"popped", 1}, {"received", 1}});
    CHECK(it.place(at_b) == b);
    // Nobody takes over a container's MAC this way either.
    CHECK(it.run("from_wire", packet(frame(ours, ours, ipv4, ip_payload()), b, us)) == Counted{{"spoofed", 1}});
  });
}

TEST_CASE("unusual VXLAN packets are left to the kernel", "[bpf]") {
  with_programs([](Programs& it) {
    it.run("from_container", frame(all, ours));
    it.kernel.set_mac(other, FASTDP_PLACE_BRIDGE, 5);
    auto inner = frame(ours, at_b, ipv4, ip_payload());
    Ipv4 stranger{0x0a0000ff};
    auto with = [&](size_t at, uint8_t value) {
      auto changed = packet(inner, b, us);
      changed[at] = value;
      return changed;
    };
    auto truncated = packet(inner, b, us);
    truncated.resize(truncated.size() - 1);
    for (const auto& odd : {packet(inner, b, us, 3),                                         // met congestion
                            packet(inner, b, us, 0, stranger),                               // from a stranger
                            packet(inner, b, us, 0, to_b.remote, stranger),                  // for somebody else
                            packet(inner, b, us, 0, to_b.remote, to_b.local, 6785),          // another port
                            packet(inner, b, us, 0, to_b.remote, to_b.local, 6784, 0x2000),  // a fragment
                            packet(inner, b, d), packet(inner, 77, us), packet(inner, us, us),
                            packet(frame(ours, none, ipv4, ip_payload()), b, us),
                            packet(frame(all, at_b, ipv4, ip_payload()), b, us),    // a flood
                            packet(frame(other, at_b, ipv4, ip_payload()), b, us),  // behind the bridge
                            packet(frame(ours, at_b, arp), b, us), packet(frame(none, none, 0), b, us), with(42, 0x0c),
                            with(49, 1), with(14, 0x46), with(23, 6), with(40, 1), truncated}) {
      CHECK(it.run("from_wire", odd).empty());
      CHECK(it.verdict == TC_ACT_UNSPEC);
    }
    CHECK(it.place(at_b) == 0xdead);
  });
}

TEST_CASE("encapsulation equals that of the VXLAN device", "[bpf]") {
  with_programs([](Programs& it) {
    auto snapshot = it.table.wanted();
    snapshot.peers[b].hop = push_to_b;
    it.kernel.apply(it.table.update(snapshot, {}), [](uint16_t) { return 1; });
    it.kernel.set_mac(at_b, b, 5);
    it.run("from_container", frame(all, ours));
    // Congestion marks inside -> outside.
    for (auto [in, out] : {std::pair<uint8_t, uint8_t>{0, 0}, {1, 1}, {2, 2}, {3, 2}, {0xb8, 0}, {0xba, 2}}) {
      auto inner = frame(at_b, ours, ipv4, ip_payload(in));
      auto ran = it.kernel.run("from_container", inner);
      CHECK(ran.verdict == TC_ACT_REDIRECT);
      CHECK(it.counted() == Counted{{"pushed", 1}, {"sent", 1}});
      auto expected = packet(inner, us, b, out, to_b.local, to_b.remote);
      REQUIRE(ran.frame.size() == expected.size());
      uint32_t sum = 0;
      for (size_t i = 14; i < 34; i += 2) sum += static_cast<uint32_t>(ran.frame[i] << 8 | ran.frame[i + 1]);
      CHECK((sum & 0xffff) + (sum >> 16) == 0xffff);
      auto port = ran.frame[34] << 8 | ran.frame[35];
      CHECK(port >= 32768);
      CHECK(port < 61000);
      // Apart from the link's addresses, the checksum and the source port.
      for (size_t i : {24, 25, 34, 35}) ran.frame[i] = expected[i];
      CHECK(Bytes(ran.frame.begin() + 14, ran.frame.end()) == Bytes(expected.begin() + 14, expected.end()));
    }
    CHECK(it.run("from_container", frame(at_b, ours, arp)) == Counted{{"sent", 1}});
  });
}

TEST_CASE("packets of an encrypted neighbour are accepted only if they came by ESP", "[bpf]") {
  with_programs([](Programs& it) {
    it.encrypt_b();
    auto tunnel = [&](const Bytes& bytes, uint32_t mark) {
      return it.run("from_tunnel_test", bytes, make_vni(b, us), to_b.remote, mark);
    };
    CHECK(tunnel(frame(ours, at_b), 0) == Counted{{"not_encrypted", 1}});
    CHECK(it.verdict == TC_ACT_SHOT);
    CHECK(it.place(at_b) == 0xdead);
    CHECK(tunnel(frame(ours, at_b), FASTDP_MARK)["received"] == 1);

    std::vector<ReceivedHeartbeat> heard;
    it.kernel.on_heartbeat = [&](const ReceivedHeartbeat& heartbeat) { heard.push_back(heartbeat); };
    CHECK(tunnel(frame(none, none, 0), 0) == Counted{{"not_encrypted", 1}});
    CHECK(tunnel(frame(none, none, 0), FASTDP_MARK) == Counted{{"heartbeats", 1}});
    it.run("from_tunnel_test", frame(none, none, 0), make_vni(d, us), to_d.remote, 0);
    it.kernel.read_heartbeats();
    REQUIRE(heard.size() == 2);
    CHECK(heard[0].encrypted);
    CHECK_FALSE(heard[1].encrypted);

    it.run("from_container", frame(all, ours));
    CHECK(it.run("from_wire", packet(frame(ours, at_b, ipv4, ip_payload()), b, us)).empty());
    CHECK(it.verdict == TC_ACT_UNSPEC);
  });
}

TEST_CASE("frames for an encrypted neighbour never bypass the kernel's IPsec", "[bpf]") {
  with_programs([](Programs& it) {
    it.encrypt_b(1);
    it.kernel.set_mac(at_b, b, 5);
    CHECK(it.run("from_container", frame(at_b, ours, ipv4, ip_payload())) == Counted{{"sent", 1}});
  });
}

TEST_CASE("packets that should have become ESP are dropped on the device", "[bpf]") {
  with_programs([](Programs& it) {
    auto inner = frame(ours, at_b, ipv4, ip_payload());
    auto out = [&](Ipv4 to, uint16_t udp = 6784) { return packet(inner, us, b, 0, to_b.local, to, udp); };
    CHECK(it.run("to_wire", out(to_b.remote)).empty());
    CHECK(it.run("to_wire", out(to_b.remote), 0, {}, FASTDP_MARK) == Counted{{"not_encrypted", 1}});
    CHECK(it.verdict == TC_ACT_SHOT);
    it.encrypt_b();
    // Though the mark got lost.
    CHECK(it.run("to_wire", out(to_b.remote)) == Counted{{"not_encrypted", 1}});
    CHECK(it.run("to_wire", out(to_d.remote)).empty());
    CHECK(it.run("to_wire", out(to_b.remote, 6783)).empty());
    auto esp = out(to_b.remote);
    esp[23] = 50;
    CHECK(it.run("to_wire", esp, 0, {}, FASTDP_MARK).empty());
    CHECK(it.run("to_wire", frame(ours, at_b, arp)).empty());
    CHECK(it.verdict == TC_ACT_UNSPEC);
  });
}

TEST_CASE("the programs of bridge mode load without redirection into containers", "[bpf]") {
  with_programs(
      [](Programs& it) {
        it.kernel.set_mac(ours, FASTDP_PLACE_CONTAINER | 1, 5);
        CHECK(it.from_tunnel(frame(ours, at_b), b, us) == Counted{{"received", 1}});
        CHECK_THROWS_AS(it.run("from_container", frame(all, ours)), Error);
      },
      false);
}
