// Any bytes as a virtio-net header and a frame of the bridge, and as a frame of a peer: what is cut, joined, fragmented
// and answered stays within bounds, and what is cut fits together again.
#include <cstdlib>

#include "overlay/sleeve/carrier.hpp"

namespace {

using namespace weave;
using namespace weave::overlay;

const PeerName a{0x02000000000a}, b{0x02000000000b};

SleeveTables tables_of(PeerName self, PeerName peer, uint16_t mtu, bool fragments_pass) {
  SleeveTables out;
  auto topology = std::make_shared<Topology>();
  topology->self = self;
  topology->next_hop = {{peer, peer}};
  topology->broadcast = {{self, {peer}}, {peer, {}}};
  topology->ids = {{self, 0xa}, {peer, 0xb}};
  out.topology = std::move(topology);
  out.paths[peer] = {.tunnel = std::make_shared<SleeveTunnel>(self, peer, Secret(), true),
                     .remote = UdpAddress{{1}, 1},
                     .local = {},
                     .mtu = mtu,
                     .max_payload = static_cast<uint16_t>(mtu + 34),
                     .fragments_pass = fragments_pass};
  return out;
}

void check_segments(const Segments& segments, std::vector<Bytes>& out) {
  size_t data = 0;
  for (size_t i = 0; i < segments.count(); ++i) {
    Bytes one(segments.size(i));
    if (one.size() > segments.size(0)) abort();
    segments.write(i, one);
    data += one.size();
    out.push_back(std::move(one));
  }
  if (data < segments.frame().size()) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < sizeof(VnetHeader) || size > 4096) return 0;
  VnetHeader header;
  std::memcpy(&header, data, sizeof header);
  ByteView frame(data + sizeof header, size - sizeof header);

  if (auto packet = find_ipv4(frame)) {
    for (uint16_t mtu : {uint16_t{28}, uint16_t{100}, uint16_t{1438}})
      fragment_ipv4(frame, *packet, mtu, [&](ByteView piece) {
        if (piece.size() < 60 || (piece.size() > 60 && piece.size() > mtu + kEthernetHeader)) abort();
      });
    if (may_answer(frame, *packet) && fragmentation_needed(frame, *packet, 552).size() > 14 + 20 + 8 + 60 + 8) abort();
  }

  std::vector<Bytes> pieces{Bytes(frame.begin(), frame.end())};
  Bytes copy(frame.begin(), frame.end());
  if (auto segments = Segments::of(header, copy); segments && segments->count() < 1000)
    check_segments(*segments, pieces);
  // Whatever the merger makes of them, nothing of the streams may get lost.
  size_t in = 0, out = 0;
  TcpMerger merger([&](const VnetHeader& how, ByteView joined) {
    Bytes large(joined.begin(), joined.end());
    auto again = Segments::of(how, large);
    if (!again) {
      // A single frame may be anything; what was joined may not.
      if (how.gso_type != 0) abort();
      ++out;
      return;
    }
    std::vector<Bytes> parts;
    check_segments(*again, parts);
    out += parts.size();
  });
  for (const auto& piece : pieces) {
    ++in;
    merger.add(piece);
  }
  merger.flush();
  if (in != out) abort();

  MacTable macs;
  SleeveCounters counters;
  Carrier carrier(macs, counters,
                  {.transmit =
                       [](const SleevePath& path, bool df, ByteView packets, size_t packet_size) {
                         if (packets.empty() || packets.size() > kMaxUdpPayload) abort();
                         if (df && packet_size > path.max_payload) abort();
                       },
                   .inject =
                       [](const TrunkTags&, ByteView injected) {
                         if (injected.size() < kEthernetHeader) abort();
                       }});
  for (uint16_t mtu : {uint16_t{552}, uint16_t{1438}})
    for (bool fragments_pass : {false, true}) {
      auto tables = tables_of(a, b, mtu, fragments_pass);
      tables.bridge_mtu = 700;
      Bytes captured(frame.begin(), frame.end());
      carrier.captured(tables, header, captured, MacTable::Time{});
      carrier.received(tables, b, {b, a, frame}, MacTable::Time{});
      carrier.received(tables, b, {b, b, frame}, MacTable::Time{});
      carrier.captured(tables, header, captured, MacTable::Time{});
      // The same below the fast datapath, as it is and with tags before it.
      tables.trunk = std::make_shared<TrunkTable>(*tables.topology);
      captured.assign(frame.begin(), frame.end());
      carrier.captured(tables, header, captured, MacTable::Time{});
      const TrunkTags both(0xb, 0xb);
      auto tags = both.bytes();
      captured.assign(frame.begin(), frame.end());
      captured.insert(captured.begin() + static_cast<ptrdiff_t>(std::min<size_t>(12, frame.size())), tags.begin(),
                      tags.end());
      carrier.captured(tables, header, captured, MacTable::Time{});
      carrier.received(tables, b, {b, a, frame}, MacTable::Time{});
      carrier.flush();
    }
  return 0;
}
