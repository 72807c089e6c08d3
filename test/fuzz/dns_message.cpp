// Any bytes as a query over both transports, and as an upstream's reply: no crash, and every reply fits.
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
  std::mt19937 random(1);
  ByteView message(data, size);
  for (auto transport : {dns::Transport::kUdp, dns::Transport::kTcp}) {
    auto answer = dns::answer(table, message, transport, zone, random);
    if (answer.kind != dns::Answer::Kind::kReply) continue;
    if (answer.bytes.size() < dns::kHeaderSize) abort();
    if (transport == dns::Transport::kUdp && answer.bytes.size() > zone.max_udp_size) abort();
    if (!dns::parse_header(answer.bytes)->response()) abort();
    dns::answers(answer.bytes, message);
  }
  dns::answers(message, message);
  if (size >= dns::kHeaderSize && dns::cut_reply(message).size() > size) abort();
  return 0;
}
