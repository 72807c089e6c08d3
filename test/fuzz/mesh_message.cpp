// Any bytes as messages into a mesh with two neighbours. Input: records of one byte connection, two bytes length, then
// the message; what doesn't parse so is one message. Only the connection that a message came in on may be closed, and
// nothing may be sent that would crash an old peer.
#include <cstdlib>
#include <random>

#include "base/log.hpp"
#include "mesh/mesh.hpp"
#include "mesh/topology.hpp"

using namespace weave;
using namespace weave::mesh;

namespace {

class Target {
 public:
  Target()
      : mesh_({.self = {{0x020000000001}, "a", 11, 0, ShortId{100}, {}},
               .random = [engine = std::mt19937_64(1)]() mutable { return engine(); }},
              now_) {
    connect(1, 0x020000000002);
    connect(2, 0x020000000003);
    connect(3, 0x020000000004);
    mesh_.take();
  }

  void message(ConnectionId id, ByteView bytes) {
    mesh_.message(id, bytes, now_);
    check(id);
    now_ += std::chrono::milliseconds(300);
    const uint8_t heartbeat = 0;  // or else the silent ones would be closed, rightly
    for (ConnectionId each : {1, 2, 3}) mesh_.message(each, ByteView(&heartbeat, 1), now_);
    mesh_.tick(now_);
    check(0);
  }

 private:
  void connect(ConnectionId id, uint64_t name) {
    mesh_.connection_ready(id, {{name}, "n", name, ShortId(id), id, "10.0.0.2:6783", true, true, id % 3}, now_);
    mesh_.overlay_established(id, now_);
  }

  void check(ConnectionId cause) {
    for (auto& effect : mesh_.take()) {
      if (const auto* close = std::get_if<Close>(&effect)) {
        if (close->connection != cause) abort();
      } else if (const auto* send = std::get_if<Send>(&effect)) {
        if (send->message.empty() || send->message.size() > kMaxMessage) abort();
        auto tag = static_cast<Tag>(send->message[0]);
        if (tag == Tag::kHeartbeat) continue;
        if (tag != Tag::kGossip && tag != Tag::kUnicast && tag != Tag::kBroadcast) abort();
        auto envelope = decode_envelope(tag, ByteView(send->message).subspan(1));
        if (!envelope) abort();
        if (envelope->channel == "topology" && tag != Tag::kUnicast && !decode_topology(envelope->data)) abort();
        mesh_.writable(send->connection, now_);
      } else if (const auto* control = std::get_if<OverlayMessage>(&effect)) {
        if (control->tag == Tag::kOverlayControl && control->payload.size() < 2) abort();
      }
    }
    if (mesh_.peers().table().size() > kMaxPeers) abort();
    if (!mesh_.peers().find(mesh_.peers().self().name)) abort();
  }

  Time now_{};
  Mesh mesh_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static bool quiet = (log::set_level(log::Level::kError), true);
  (void)quiet;
  Target target;
  Reader in(ByteView(data, size));
  while (in.left() > 3) {
    auto id = in.u8() % 4u;
    size_t length = in.u16();
    auto message = in.bytes(std::min(length, in.left()));
    target.message(id, message);
  }
  target.message(1, ByteView(data, size));
  return 0;
}
