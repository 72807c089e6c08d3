// Any bytes as a query over both transports, and as an upstream's reply: no crash, and no reply or forwarded reply is
// longer than the client takes: 512 bytes over UDP, unless its OPT record allows more.
#include <algorithm>
#include <cstdlib>

#include "dns/answer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weave;
  static const auto table = [] {
    names::Index index;
    for (uint32_t i = 0; i < 200; ++i) index.apply({"big.weave.local.", {1}, "c", {0x0a210000 + i}});
    index.apply({"Web1.weave.local.", {1}, "c", {0x0a200001}});
    return index;
  }();
  static const dns::Zone zone;
  auto limit_of = [](ByteView message, dns::Transport transport) -> size_t {
    if (transport == dns::Transport::kTcp) return 65535;
    auto query = dns::parse_query(message);
    if (!query || !query->edns) return dns::kPlainUdpSize;
    return std::clamp<size_t>(query->edns->udp_size, dns::kPlainUdpSize, zone.max_udp_size);
  };
  std::mt19937 random(1);
  ByteView message(data, size);
  for (auto transport : {dns::Transport::kUdp, dns::Transport::kTcp}) {
    auto answer = dns::answer(table, message, transport, zone, random);
    const auto limit = limit_of(message, transport);
    if (answer.kind == dns::Answer::Kind::kForward && answer.limit != limit) abort();
    if (answer.kind != dns::Answer::Kind::kReply) continue;
    if (answer.bytes.size() < dns::kHeaderSize) abort();
    if (answer.bytes.size() > limit) abort();
    if (!dns::parse_header(answer.bytes)->response()) abort();
    if (dns::parse_query(message) && !dns::answers(answer.bytes, message)) abort();
  }
  dns::answers(message, message);
  if (size >= dns::kHeaderSize && dns::cut_reply(message).size() > size) abort();
  return 0;
}
