// Any bytes as a heartbeat of the fast datapath, as its control messages, and as ESP parameters: no crash, and nothing
// is said to the peer that would crash Weave Net. First two bytes: what the kernel says of the length.
#include <cstdlib>

#include "overlay/fastdp/forwarder.hpp"
#include "overlay/fastdp/ipsec.hpp"
#include "overlay/switch.hpp"

namespace {

// Takes everything.
struct NoEsp : weave::overlay::Esp {
  weave::overlay::EspParameters choose(const weave::overlay::FastHop&) override { return {.nonce = {}, .spi = 0x100}; }
  void receive_by(const weave::overlay::FastHop&, uint32_t, const weave::Secret&) override {}
  void send_by(const weave::overlay::FastHop&, uint32_t, const weave::Secret&) override {}
  Found look(const weave::overlay::FastHop&, uint32_t, uint32_t) override { return {true, true, 0}; }
  void release(const weave::overlay::FastHop&, uint32_t, uint32_t) noexcept override {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weave;
  using namespace weave::overlay;
  if (size < 6) return 0;
  ByteView bytes(data, size);
  Reader in(bytes);
  size_t length = in.u16();
  uint32_t vni = in.u32() & 0xffffff;
  auto head = in.rest();

  (void)decode_vxlan(head);
  if (auto parameters = decode_esp_parameters(head)) {
    auto again = encode_esp_parameters(*parameters);
    if (!std::equal(again.begin(), again.begin() + 36, head.begin())) abort();
  }
  if (auto conn_uid = decode_heartbeat(head.first(std::min<size_t>(head.size(), 24)), length)) {
    auto again = encode_heartbeat(vni, *conn_uid, static_cast<uint16_t>(length - 14));
    if (again.size() != kVxlanHeader + length || !std::equal(again.begin() + 8, again.begin() + 32, head.begin()))
      abort();
  }

  const PeerName us{1}, peer{2};
  FastPort port{.send = [](const FastHop&, ByteView) { return std::string(); },
                .short_id = [&](PeerName name) { return std::optional(static_cast<uint16_t>(name.value)); }};
  Link link{.self = us,
            .remote = peer,
            .remote_label = "peer",
            .conn_uid = 0x8febf600eb3d3070,
            .initiator = false,
            .key = {},
            .local = UdpAddress{{1}, 1},
            .remote_address = UdpAddress{{2}, 2}};
  NoEsp esp;
  for (bool encrypted : {false, true}) {
    if (encrypted) {
      link.key = Secret(size_t{32});
      port.esp = &esp;
    }
    FastForwarder* forwarder = nullptr;
    OverlaySwitch overlays({"fastdp"}, true, "peer", [&](const std::string&) -> Result<std::unique_ptr<Forwarder>> {
      auto made = std::make_unique<FastForwarder>(link, *fast_hop(link, port), port);
      forwarder = made.get();
      return made;
    });
    overlays.confirm(Time{});
    forwarder->receive({.vni = vni,
                        .remote = {2},
                        .local = {},
                        .size = length,
                        .head = Bytes(head.begin(), head.end()),
                        .encrypted = encrypted},
                       Time{});
    overlays.collect();
    overlays.control(data[0], bytes.subspan(1), Time{});
    overlays.tick(Time{} + std::chrono::seconds(61));
    for (const auto& message : overlays.take_messages())
      if (message.size() < 3 || message[0] != kOverlayControlTag || message[1] != 0) abort();
  }
  return 0;
}
