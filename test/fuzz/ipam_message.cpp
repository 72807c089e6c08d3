// Any bytes as messages into three allocators: one with a ring and addresses in use, one that elects, one that
// observes. Input: records of one byte kind (gossip, broadcast, unicast), two bytes length, then the message; what
// doesn't parse so is one message. Whatever comes, addresses in use stay so, and what is said can be read and merged by
// others.
#include <cstdlib>

#include "base/log.hpp"
#include "ipam/allocator.hpp"

using namespace weave;
using namespace weave::ipam;

namespace {

constexpr PeerName kFrom{0x020000000009};

class Target {
 public:
  explicit Target(std::vector<PeerName> seed, bool observer)
      : allocator_(
            config(std::move(seed), observer), {}, [](std::span<const Change>) {}, links()) {
    if (!allocator_.ring().empty())
      for (int i = 0; i < 5; ++i) held_.push_back(allocator_.allocate("c" + std::to_string(i), range())->address);
    allocator_.ask_allocate("waits", *Cidr::parse("10.32.0.64/26"));
    allocator_.ask_claim("claims", *Cidr::parse("10.32.0.70/24"));
  }

  void message(unsigned kind, ByteView bytes) {
    if (kind == 0)
      allocator_.on_state(bytes, std::nullopt);
    else if (kind == 1)
      allocator_.on_state(bytes, kFrom);
    else
      allocator_.on_unicast(kFrom, bytes);
    now_ += std::chrono::seconds(5);
    allocator_.tick(now_);
    allocator_.take();
    for (auto address : held_)
      if (!allocator_.holder(address)) abort();
    if (!allocator_.ring().check()) abort();
    RangeSet owned;
    for (auto range : allocator_.ring().owned(allocator_.config().self)) owned.add(range);
    if (owned != allocator_.space().owned()) abort();
    if (auto state = allocator_.state(); !state || !decode_state(*state)) abort();
    allocator_.report([](PeerName) { return true; });
  }

 private:
  static Cidr range() { return *Cidr::parse("10.32.0.0/12"); }
  static Config config(std::vector<PeerName> seed, bool observer) {
    Config config{PeerName{0x020000000001}, "a", range(), range(), std::move(seed)};
    config.observer = observer;
    config.expected = 3;
    config.uid = 1;
    return config;
  }
  static Links links() {
    Links links;
    links.unicast = [](PeerName, Bytes message) -> Result<void> {
      // Nothing that would stop an old peer.
      if (message.empty() || message[0] > 2) abort();
      return {};
    };
    links.broadcast = [] {};
    links.reachable = [](PeerName) { return true; };
    return links;
  }

  Allocator allocator_;
  std::vector<Ipv4> held_;
  Allocator::Time now_{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static bool quiet = (log::set_level(log::Level::kError), true);
  (void)quiet;
  Target targets[] = {Target({PeerName{0x020000000001}, PeerName{0x020000000002}}, false), Target({}, false),
                      Target({}, true)};
  Reader in(ByteView(data, size));
  while (in.left() > 3) {
    unsigned kind = in.u8() % 3u;
    size_t length = in.u16();
    auto message = in.bytes(std::min(length, in.left()));
    for (auto& target : targets) target.message(kind, message);
  }
  for (auto& target : targets)
    for (unsigned kind : {0u, 1u, 2u}) target.message(kind, ByteView(data, size));
  return 0;
}
