// Any bytes as a sleeve packet, in clear and encrypted, and as an overlay control message: no crash, and nothing is
// said to the peer that would crash Weave Net.
#include <cstdlib>

#include "base/log.hpp"
#include "overlay/sleeve/connection.hpp"
#include "overlay/switch.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weave;
  using namespace weave::overlay;
  static const bool quiet = (log::set_level(log::Level::kError), true);
  (void)quiet;
  ByteView bytes(data, size);
  const PeerName us{0x02000000000b}, peer{0x02000000000a};
  size_t sent = 0;
  SleevePort port{[&](const UdpAddress&, Ipv4, ByteView payload, bool) -> SleevePort::Sent {
    if (payload.size() > kMaxUdpPayload) abort();
    if (++sent > 100) abort();
    return payload.size() > 1472 ? SleevePort::Sent{false, 1500, "too big"} : SleevePort::Sent{};
  }};
  auto decoded = decode_records(bytes);
  Writer again;
  for (const auto& record : decoded.records) append_record(again, record.source, record.destination, record.frame);
  if (decoded.error.empty() && again.size() != size) abort();
  (void)sleeve_sender(bytes);
  for (bool encrypted : {false, true})
    for (bool tagged : {false, true}) {
      sent = 0;
      Secret key = encrypted ? Secret(Bytes(32, 3)) : Secret();
      Sleeve* sleeve = nullptr;
      OverlaySwitch overlays({"sleeve"}, tagged, "peer", [&](const std::string&) -> Result<std::unique_ptr<Forwarder>> {
        auto made = std::make_unique<Sleeve>(Link{.self = us,
                                                  .remote = peer,
                                                  .remote_label = "peer",
                                                  .conn_uid = 0x8febf600eb3d3070,
                                                  .initiator = false,
                                                  .key = key,
                                                  .local = UdpAddress{{1}, 1},
                                                  .remote_address = UdpAddress{{2}, 2}},
                                             port);
        sleeve = made.get();
        return made;
      });
      overlays.confirm(Time{});
      auto receive = [&](Bytes packet) {
        auto opened = sleeve->path().tunnel->opener.open_in_place(packet);
        if (!opened || !*opened) return;
        for (const auto& record : decode_records(**opened).records) sleeve->receive(record, {{2}, 2}, Time{});
      };
      receive(Bytes(bytes.begin(), bytes.end()));
      // Records that authenticate.
      if (encrypted) receive(seal_sleeve(peer, bytes, 1, true, key, true));
      overlays.collect();
      if (size > 0) overlays.control(data[0], bytes.subspan(1), Time{});
      overlays.tick(Time{} + std::chrono::seconds(1));
      for (const auto& message : overlays.take_messages()) {
        bool right = tagged ? message.size() >= 3 && message[0] == kOverlayControlTag && message[1] == 0
                            : !message.empty() && message[0] >= 1 && message[0] <= 3;
        if (!right) abort();
      }
    }
  return 0;
}
