#include "overlay/sleeve/carrier.hpp"

#include <catch2/catch.hpp>

#include "unit/overlay/frames.hpp"

using namespace weave;
using namespace weave::overlay;
using namespace std::chrono_literals;

namespace {

using Time = MacTable::Time;

const PeerName a{0x02000000000a}, b{0x02000000000b}, c{0x02000000000c};
const Mac at_a{{0x02, 0, 0, 0, 1, 1}}, at_b{{0x02, 0, 0, 0, 2, 2}}, at_c{{0x02, 0, 0, 0, 3, 3}};
const Mac everybody{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

struct Packet {
  PeerName to;
  bool df;
  Bytes payload;
};

// A peer: one carrier, whose packets and injected frames are kept.
struct Host {
  explicit Host(PeerName name) : self(name) {}

  void link(PeerName peer, const Secret& key, bool initiator, uint16_t mtu = 1438, bool fragments_pass = true) {
    uint16_t overhead = sleeve_overhead(!key.empty());
    tables.paths[peer] = {.tunnel = std::make_shared<SleeveTunnel>(self, peer, key, initiator),
                          .remote = UdpAddress{{1}, 6783},
                          .local = {},
                          .mtu = mtu,
                          .max_payload = static_cast<uint16_t>(mtu == 65535 ? kMaxUdpPayload : mtu + overhead - 28),
                          .fragments_pass = fragments_pass};
  }
  void routes(std::unordered_map<PeerName, PeerName> next_hop,
              std::unordered_map<PeerName, std::vector<PeerName>> broadcast) {
    tables.topology = std::make_shared<Topology>(Topology{self, std::move(next_hop), std::move(broadcast)});
  }
  void capture(Bytes frame, const VnetHeader& header = {}) { carrier.captured(tables, header, frame, now); }
  // What the receiving thread does with a packet.
  void receive(PeerName from, Bytes packet) {
    auto opened = tables.paths.at(from).tunnel->opener.open_in_place(packet);
    REQUIRE(opened);
    REQUIRE(*opened);
    auto decoded = decode_records(**opened);
    CHECK(decoded.error.empty());
    for (const auto& record : decoded.records) carrier.received(tables, from, record, now);
  }
  std::vector<Packet> take() {
    carrier.flush();
    return std::exchange(packets, {});
  }
  uint64_t dropped(Drop why) const { return counters.drops[static_cast<size_t>(why)]; }

  PeerName self;
  SleeveTables tables;
  MacTable macs;
  SleeveCounters counters;
  Time now = Time{} + 1h;
  std::vector<Packet> packets;
  std::vector<size_t> batches;  // packets in each
  std::vector<Bytes> injected;
  std::vector<TrunkTags> tags;  // of those injected
  Carrier carrier{macs,
                  counters,
                  {.transmit =
                       [this](const SleevePath& path, bool df, ByteView bytes, size_t size) {
                         CHECK(bytes.size() <= kMaxUdpPayload);
                         batches.push_back((bytes.size() + size - 1) / size);
                         CHECK(batches.back() <= Packer::kMaxBatch);
                         for (size_t at = 0; at < bytes.size(); at += size) {
                           auto one = bytes.subspan(at, std::min(size, bytes.size() - at));
                           packets.push_back({path.tunnel->remote, df, Bytes(one.begin(), one.end())});
                         }
                       },
                   .inject =
                       [this](const TrunkTags& put, ByteView frame) {
                         injected.emplace_back(frame.begin(), frame.end());
                         tags.push_back(put);
                       }}};
};

// a ── b ── c
struct Chain {
  explicit Chain(bool encrypted = false, uint16_t mtu = 1438, bool fragments_pass = true) {
    Secret ab = encrypted ? Secret(Bytes(32, 1)) : Secret(), bc = encrypted ? Secret(Bytes(32, 2)) : Secret();
    one.link(b, ab, true, mtu, fragments_pass);
    two.link(a, ab, false, mtu, fragments_pass);
    two.link(c, bc, true, mtu, fragments_pass);
    three.link(b, bc, false, mtu, fragments_pass);
    one.routes({{b, b}, {c, b}}, {{a, {b}}, {b, {}}, {c, {}}});
    two.routes({{a, a}, {c, c}}, {{a, {c}}, {b, {a, c}}, {c, {a}}});
    three.routes({{a, b}, {b, b}}, {{a, {}}, {b, {}}, {c, {b}}});
  }
  // Until nothing moves.
  void settle() {
    for (bool moved = true; moved;) {
      moved = false;
      for (Host* from : {&one, &two, &three})
        for (auto& packet : from->take()) {
          moved = true;
          for (Host* to : {&one, &two, &three})
            if (to->self == packet.to) to->receive(from->self, packet.payload);
        }
    }
  }
  Host one{a}, two{b}, three{c};
};

Bytes arp_request() {
  auto frame = test::tcp_frame({.data = 0, .from = at_a, .to = everybody});
  frame[13] = 6;
  frame.resize(60);
  return frame;
}

}  // namespace

TEST_CASE("a broadcast reaches every peer once, and the answer goes back over the relay") {
  Chain net(GENERATE(false, true));
  net.one.capture(arp_request());
  net.settle();
  CHECK(net.one.injected.empty());
  CHECK(net.two.injected == std::vector<Bytes>{arp_request()});
  CHECK(net.three.injected == std::vector<Bytes>{arp_request()});
  auto answer = test::tcp_frame({.from = at_c, .to = at_a});
  net.three.capture(answer);
  net.settle();
  CHECK(net.one.injected == std::vector<Bytes>{answer});
  CHECK(net.two.injected.size() == 1);
  CHECK(net.two.counters.relayed.packets == 2);
  // Now a knows where c's container is, and b passes on without looking.
  auto question = test::tcp_frame({.from = at_a, .to = at_c});
  net.one.capture(question);
  net.settle();
  CHECK(net.three.injected.back() == question);
  CHECK(net.two.injected.size() == 1);
}

TEST_CASE("a TCP stream goes out in batches of equal packets, each of one segment") {
  bool encrypted = GENERATE(false, true);
  Chain net(encrypted, encrypted ? 1414 : 1438);
  test::Tcp what{.data = 40000, .from = at_a, .to = at_b};
  net.one.capture(test::tcp_frame(what), {.flags = VnetHeader::kNeedsChecksum,
                                          .gso_type = VnetHeader::kTcp4,
                                          .header_size = 66,
                                          .gso_size = 1358,
                                          .csum_start = 34,
                                          .csum_offset = 16});
  auto packets = net.one.take();
  CHECK(packets.size() == 30);
  CHECK(net.one.batches == std::vector<size_t>{30});
  for (auto& packet : packets) {
    CHECK(packet.df);
    net.two.receive(a, packet.payload);
  }
  REQUIRE(net.two.injected.size() == 30);
  for (const auto& frame : net.two.injected) {
    CHECK(test::tcp_checksum_right(frame));
    CHECK(test::ip_checksum_right(frame));
  }
}

TEST_CASE("small frames share a packet, as many as it holds") {
  Chain net(GENERATE(false, true), 1414);
  auto frame = test::tcp_frame({.data = 34, .from = at_a, .to = at_b});
  REQUIRE(frame.size() == 100);
  for (int i = 0; i < 100; ++i) net.one.capture(frame);
  auto packets = net.one.take();
  CHECK(packets.size() == 9);
  for (auto& packet : packets) {
    CHECK(packet.payload.size() <= net.one.tables.paths.at(b).max_payload);
    net.two.receive(a, packet.payload);
  }
  CHECK(net.two.injected == std::vector<Bytes>(100, frame));
}

TEST_CASE("frames of all sizes arrive unchanged") {
  Chain net(GENERATE(false, true), 1414);
  std::vector<Bytes> sent;
  for (size_t i = 0; i < 3000; ++i) {
    sent.push_back(test::tcp_frame({.data = i * 7919 % 1360, .df = i % 3 > 0, .from = at_a, .to = at_b}));
    net.one.capture(sent.back());
  }
  auto packets = net.one.take();
  // The streams are independent of one another, so order is kept within each only.
  for (bool df : {true, false})
    for (auto& packet : packets)
      if (packet.df == df) net.two.receive(a, packet.payload);
  std::stable_partition(sent.begin(), sent.end(), [](const Bytes& frame) { return frame[20] == 0x40; });
  CHECK(net.two.injected == sent);
}

TEST_CASE("a sender is told that its unfragmentable packet is too large for the path, also over a relay") {
  Chain net(false, 1300);
  net.three.capture(test::tcp_frame({.data = 0, .from = at_c, .to = everybody}));
  net.settle();
  // a learns of it only at b, whose path to c is the narrow one.
  net.one.link(b, {}, true, 1438);
  net.one.capture(test::tcp_frame({.data = 1340, .from = at_a, .to = at_c}));
  net.settle();
  REQUIRE(net.one.injected.size() == 2);
  const auto& icmp = net.one.injected.back();
  CHECK(icmp[23] == 1);
  CHECK(icmp[34] == 3);
  CHECK(icmp[35] == 4);
  CHECK(get_u16(icmp, 40) == 1300);
  CHECK(net.two.dropped(Drop::kTooBig) == 1);
  CHECK(net.three.injected.empty());

  net.one.tables.paths.at(b).mtu = 1200;
  net.one.capture(test::tcp_frame({.data = 1340, .from = at_a, .to = at_c}));
  CHECK(net.one.take().empty());
  CHECK(get_u16(net.one.injected.back(), 40) == 1200);
  for (int i = 0; i < 1000; ++i) net.one.capture(test::tcp_frame({.data = 1340, .from = at_a, .to = at_c}));
  CHECK(net.one.injected.size() <= 2 + 100);  // who asks too often gets no answer
}

TEST_CASE("a packet too large for the path is fragmented by us or by the underlay") {
  bool fragments_pass = GENERATE(false, true);
  Chain net(false, 1300, fragments_pass);
  auto frame = test::tcp_frame({.data = 3000, .df = false, .from = at_a, .to = at_b});
  net.one.capture(frame);
  auto packets = net.one.take();
  CHECK(packets.size() == (fragments_pass ? 1 : 3));
  for (auto& packet : packets) {
    CHECK(packet.df != fragments_pass);
    CHECK((fragments_pass || packet.payload.size() <= 1300 + 62 - 28));
    net.two.receive(a, packet.payload);
  }
  if (fragments_pass) CHECK(net.two.injected == std::vector<Bytes>{frame});
}

TEST_CASE("a packet too large for the receiver's bridge is fragmented there, or the sender is told") {
  Chain net;
  net.three.tables.bridge_mtu = 1376;
  net.three.capture(test::tcp_frame({.data = 0, .from = at_c, .to = everybody}));
  net.settle();
  net.three.injected.clear();
  net.one.capture(test::tcp_frame({.data = 1384, .df = false, .from = at_a, .to = at_c}));
  net.settle();
  CHECK(net.three.injected.size() == 2);
  for (const auto& frame : net.three.injected) CHECK(frame.size() <= 1376 + 14);

  net.three.injected.clear();
  net.one.injected.clear();
  net.one.capture(test::tcp_frame({.data = 1324, .from = at_a, .to = at_c}));  // just fits
  net.one.capture(test::tcp_frame({.data = 1325, .from = at_a, .to = at_c}));
  net.settle();
  CHECK(net.three.injected.size() == 1);
  CHECK(net.three.dropped(Drop::kTooBig) == 1);
  REQUIRE(net.one.injected.size() == 1);
  CHECK(get_u16(net.one.injected[0], 34) == 0x0304);  // fragmentation needed
  CHECK(get_u16(net.one.injected[0], 40) == 1376);
  // Of a container that isn't here nobody knows what it takes.
  net.one.capture(test::tcp_frame({.data = 1325, .from = at_a, .to = Mac{{2, 9, 9, 9, 9, 9}}}));
  net.settle();
  CHECK(net.one.injected.size() == 1);
}

TEST_CASE("an encrypted connection sends no frame in clear") {
  Chain net(true);
  net.one.capture(arp_request());
  auto packets = net.one.take();
  REQUIRE(packets.size() == 1);
  auto frame = arp_request();
  CHECK(std::search(packets[0].payload.begin(), packets[0].payload.end(), frame.begin() + 6, frame.begin() + 20) ==
        packets[0].payload.end());
}

namespace {

// What the programs hand over: the tags behind the MACs.
Bytes tagged(const TrunkTags& tags, const Bytes& frame) {
  Bytes out(frame.begin(), frame.begin() + 12);
  out.insert(out.end(), tags.bytes().begin(), tags.bytes().end());
  out.insert(out.end(), frame.begin() + 12, frame.end());
  return out;
}

// a - b - c, with b's fast datapath above its sleeve.
struct Trunked : Chain {
  Trunked() {
    auto topology = *two.tables.topology;
    topology.ids = {{a, 0xa}, {b, 0xb}, {c, 0xc}};
    two.tables.topology = std::make_shared<Topology>(topology);
    two.tables.trunk = std::make_shared<TrunkTable>(topology);
  }
};

}  // namespace

TEST_CASE("on a trunk tags select the receiver of a frame, and no MAC is learnt") {
  Trunked net;
  auto frame = test::tcp_frame({.from = at_b, .to = at_a});
  net.two.capture(tagged(TrunkTags(0xa), frame));  // one tag: from here
  net.two.capture(tagged(TrunkTags(0xc), frame));
  net.settle();
  CHECK(net.one.injected == std::vector<Bytes>{frame});
  CHECK(net.three.injected == std::vector<Bytes>{frame});
  CHECK(net.two.macs.entries(net.two.now).empty());
  net.two.capture(tagged(TrunkTags(0xa, 0xc), frame));  // two: of another
  auto packets = net.two.take();
  REQUIRE(packets.size() == 1);
  CHECK(packets[0].to == c);
}

TEST_CASE("on a trunk tagged segments are cut as untagged ones") {
  Trunked net;
  auto frame = test::tcp_frame({.data = 4000, .from = at_b, .to = at_a});
  VnetHeader header{.flags = VnetHeader::kNeedsChecksum,
                    .gso_type = VnetHeader::kTcp4,
                    .header_size = 54 + 4,
                    .gso_size = 1000,
                    .csum_start = 34 + 4,
                    .csum_offset = 16};
  net.two.capture(tagged(TrunkTags(0xa), frame), header);
  net.settle();
  CHECK(net.one.injected.size() == 4);
}

TEST_CASE("on a trunk frames of peers are tagged for the programs") {
  Trunked net;
  auto for_b = test::tcp_frame({.from = at_a, .to = at_b}), for_c = test::tcp_frame({.from = at_a, .to = at_c});
  net.two.carrier.received(net.two.tables, a, {a, b, for_b}, net.two.now);
  net.two.carrier.received(net.two.tables, a, {a, c, for_c}, net.two.now);
  CHECK(net.two.injected == std::vector<Bytes>{for_b, for_c});
  CHECK(net.two.tags == std::vector<TrunkTags>{TrunkTags(0xa), TrunkTags(0xa, 0xc)});
  CHECK(net.two.take().empty());
}

TEST_CASE("on a trunk no flood goes back to the neighbour that it came from") {
  Trunked net;
  auto frame = test::tcp_frame({.from = at_a, .to = everybody});
  // By its own route it would.
  net.two.carrier.received(net.two.tables, c, {a, c, frame}, net.two.now);
  CHECK(net.two.dropped(Drop::kLoop) == 1);
  // A flood of a's that c has passed on to b, and that b's tree would send to c.
  net.two.carrier.received(net.two.tables, c, {a, b, frame}, net.two.now);
  CHECK(net.two.injected.size() == 1);
  net.two.capture(tagged(TrunkTags(0xa, 0x1000 | 0xc), frame));
  CHECK(net.two.take().empty());
  CHECK(net.two.dropped(Drop::kLoop) == 2);
  // It did so long ago.
  net.two.now += 10s;
  net.two.capture(tagged(TrunkTags(0xa, 0x1000 | 0xc), frame));
  CHECK(net.two.take().size() == 1);
  // From a itself it may.
  net.two.carrier.received(net.two.tables, a, {a, b, frame}, net.two.now);
  net.two.capture(tagged(TrunkTags(0xa, 0xc), frame));
  CHECK(net.two.take().size() == 1);
}

TEST_CASE("on a trunk the error about a packet that is too large comes as if from its receiver") {
  Trunked net;
  net.two.tables.paths.at(a).mtu = 1000;
  auto frame = test::tcp_frame({.data = 1200, .from = at_b, .to = at_a});
  net.two.capture(tagged(TrunkTags(0xa), frame));
  net.two.capture(tagged(TrunkTags(0xc, 0xa), frame));
  CHECK(net.two.tags == std::vector<TrunkTags>{TrunkTags(0xa), TrunkTags(0xa, 0xc)});
  CHECK(net.two.dropped(Drop::kTooBig) == 2);
  // A flood's copy has no receiver that could be known.
  net.two.capture(tagged(TrunkTags(0x1000 | 0xa), frame));
  CHECK(net.two.tags.size() == 2);
  CHECK(net.two.dropped(Drop::kTooBig) == 3);
}

TEST_CASE("on a trunk packets too large for the bridge are fragmented, or the sender is told") {
  Trunked net;
  net.two.tables.bridge_mtu = 1000;
  auto receive = [&](const Bytes& frame) { net.two.carrier.received(net.two.tables, a, {a, b, frame}, net.two.now); };
  receive(test::tcp_frame({.data = 1200, .df = false, .from = at_a, .to = at_b}));
  CHECK(net.two.injected.size() == 2);
  CHECK(net.two.tags == std::vector<TrunkTags>(2, TrunkTags(0xa)));
  CHECK(net.two.dropped(Drop::kTooBig) == 0);

  net.two.injected.clear();
  receive(test::tcp_frame({.data = 1200, .from = at_a, .to = at_b}));
  CHECK(net.two.injected.empty());
  CHECK(net.two.dropped(Drop::kTooBig) == 1);
  net.settle();
  REQUIRE(net.one.injected.size() == 1);
  CHECK(get_u16(net.one.injected[0], 34) == 0x0304);  // fragmentation needed
  CHECK(get_u16(net.one.injected[0], 40) == 1000);
  CHECK(net.one.macs.find(at_b, net.one.now) == std::nullopt);  // b's container may be elsewhere
  CHECK(net.one.macs.find(b.mac(), net.one.now) == b);
}

TEST_CASE("what no error can be sent for is fragmented or counted") {
  Trunked net;
  Host& host = GENERATE(false, true) ? net.two : net.three;
  PeerName from = host.self == b ? a : b;
  host.tables.bridge_mtu = 1000;
  auto receive = [&](const Bytes& frame) { host.carrier.received(host.tables, from, {a, host.self, frame}, host.now); };
  receive(test::tcp_frame({.data = 1200, .from = at_a, .to = everybody}));
  REQUIRE(host.injected.size() == 2);
  CHECK(host.injected[0].size() <= 1000 + 14);
  CHECK(get_u16(host.injected[0], 20) == 0x2000);  // more fragments, "don't fragment" clear
  CHECK(get_u16(host.injected[0], 18) == get_u16(host.injected[1], 18));
  CHECK(test::ip_checksum_right(host.injected[1]));

  auto other = test::tcp_frame({.data = 1200, .from = at_a, .to = everybody});
  put_u16(other, 12, 0x86dd);
  receive(other);
  CHECK(host.injected.size() == 2);
  CHECK(host.dropped(Drop::kTooBig) == 1);

  // The kernel leaves room for a tag.
  auto with_tag = test::tcp_frame({.data = 1000 + 4 - 52, .from = at_a, .to = everybody});
  put_u16(with_tag, 12, 0x8100);
  receive(with_tag);
  CHECK(host.injected.size() == 3);
}

TEST_CASE("a relay from sleeve to the fast datapath fragments, or the sender is told") {
  Trunked net;
  net.two.tables.bridge_mtu = 1000;
  auto relay = [&](bool df) {
    net.two.carrier.received(net.two.tables, a,
                             {a, c, test::tcp_frame({.data = 1200, .df = df, .from = at_a, .to = at_c})}, net.two.now);
  };
  // By sleeve the path to c decides, when the programs give it back.
  relay(true);
  CHECK(net.two.injected.size() == 1);

  auto topology = *net.two.tables.topology;
  topology.neighbours = {{a, "sleeve"}, {c, "fastdp"}};
  net.two.tables.topology = std::make_shared<Topology>(topology);
  net.two.injected.clear();
  net.two.tags.clear();
  relay(false);
  CHECK(net.two.injected.size() == 2);
  CHECK(net.two.tags == std::vector<TrunkTags>(2, TrunkTags(0xa, 0xc)));
  relay(true);
  CHECK(net.two.injected.size() == 2);
  CHECK(net.two.dropped(Drop::kTooBig) == 1);
  net.settle();
  REQUIRE(net.one.injected.size() == 1);
  CHECK(get_u16(net.one.injected[0], 40) == 1000);
  CHECK(net.one.macs.find(at_c, net.one.now) == c);
}

TEST_CASE("on a trunk malformed frames are dropped and counted") {
  Trunked net;
  auto frame = test::tcp_frame({.from = at_b, .to = at_a});
  net.two.capture(frame);
  net.two.capture(Bytes(13));
  net.two.capture(tagged(TrunkTags(0xa, 0xc), Bytes(12)));
  CHECK(net.two.dropped(Drop::kMalformed) == 3);
  net.two.capture(tagged(TrunkTags(0xd), frame));
  net.two.carrier.received(net.two.tables, a, {PeerName{0xd}, b, frame}, net.two.now);
  CHECK(net.two.dropped(Drop::kUnknownPeer) == 2);
  net.two.carrier.received(net.two.tables, a, {b, b, frame}, net.two.now);
  CHECK(net.two.dropped(Drop::kOwn) == 1);
  net.two.capture(tagged(TrunkTags(0xb), frame));
  CHECK(net.two.dropped(Drop::kNoRoute) == 1);
}

TEST_CASE("frames that cannot be sent are counted by reason") {
  Chain net;
  net.one.tables.paths.at(b) = {.tunnel = net.one.tables.paths.at(b).tunnel, .remote = {}};
  net.one.capture(arp_request());
  CHECK(net.one.dropped(Drop::kNoAddress) == 1);
  net.one.tables.paths.clear();
  net.one.capture(arp_request());
  CHECK(net.one.dropped(Drop::kNoConnection) == 1);
  net.two.capture(Bytes(3));
  CHECK(net.two.dropped(Drop::kMalformed) == 1);
  // 65515 bytes and its headers are no UDP packet
  auto huge = test::tcp_frame({.data = 65463, .df = false, .from = at_b, .to = everybody});
  net.two.capture(huge);
  CHECK(net.two.dropped(Drop::kTooBig) == 2);
  CHECK(net.two.take().empty());
}

TEST_CASE("more streams than buffers are merged without loss") {
  Host one(a);
  std::vector<PeerName> all;
  std::unordered_map<PeerName, PeerName> hops;
  for (uint64_t i = 1; i <= 20; ++i) {
    all.push_back({i});
    hops[{i}] = {i};
    one.link({i}, {}, true);
  }
  one.routes(hops, {{a, all}});
  for (int i = 0; i < 10; ++i) one.capture(arp_request());
  std::map<PeerName, size_t> frames;
  for (auto& packet : one.take())
    frames[packet.to] += decode_records(ByteView(packet.payload).subspan(6)).records.size();
  CHECK(frames.size() == 20);
  for (auto& [peer, count] : frames) CHECK(count == 10);
}
