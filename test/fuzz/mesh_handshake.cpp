// Any bytes as what a stranger sends, from the header on: in each version, with and without password, in both
// directions, whole and in pieces. No crash, and the same verdict however they are cut.
#include <cstdlib>

#include "mesh/handshake.hpp"

namespace {

using namespace weave;
using namespace weave::mesh;

struct Verdict {
  bool done = false;
  std::string reason;
  size_t messages = 0;
  bool operator==(const Verdict&) const = default;
};

Verdict run(ByteView bytes, bool initiator, bool password, size_t piece) {
  static const KeyPair keys = KeyPair::of(Bytes(32, 5));
  HandshakeConfig config{.initiator = initiator,
                         .min_version = 1,
                         .max_version = 2,
                         .password = password ? Secret(std::string_view("wfvAwt7sj")) : Secret(),
                         .ours = {.name = {0x020000000001},
                                  .nickname = "us",
                                  .uid = 1,
                                  .conn_id = 2,
                                  .short_id = 3,
                                  .trusted = false,
                                  .overlays = std::vector<std::string>{"sleeve"},
                                  .public_key = {}},
                         .choose_conn_id = {}};
  HandshakeMachine machine(config, password ? keys : KeyPair());
  Verdict verdict;
  size_t at = 0;
  for (; at < bytes.size() && !machine.done() && !machine.failed(); at += piece)
    machine.feed(bytes.subspan(at, std::min(piece, bytes.size() - at)));
  machine.take_output();
  if (!machine.done()) {
    machine.closed("EOF");
    if (!machine.failed()) abort();
    verdict.reason = machine.reason();
    // What was cut off with the connection stands in the reason.
    if (verdict.reason.starts_with("received incomplete") || verdict.reason.find("EOF") != std::string::npos)
      verdict.reason = "EOF";
    return verdict;
  }
  verdict.done = true;
  auto introduced = machine.take();
  if (introduced.theirs.name.value == 0) abort();
  introduced.stream.feed(bytes.subspan(std::min(at, bytes.size())));
  for (;;) {
    auto message = introduced.stream.next();
    if (!message || !*message) break;
    ++verdict.messages;
  }
  return verdict;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 512 * 1024) return 0;
  ByteView bytes(data, size);
  for (bool initiator : {false, true})
    for (bool password : {false, true}) {
      auto whole = run(bytes, initiator, password, std::max<size_t>(size, 1));
      if (run(bytes, initiator, password, 13) != whole) abort();
    }
  // The same bytes as the body of a frame: more of them get as far as the features.
  Bytes framed{'w', 'e', 'a', 'v', 'e', 1, 2, 0};
  if (auto body = frame(2, bytes)) framed.insert(framed.end(), body->begin(), body->end());
  run(framed, false, false, framed.size());
  Bytes old{'w', 'e', 'a', 'v', 'e', 1, 1};
  old.insert(old.end(), bytes.begin(), bytes.end());
  run(old, true, false, old.size());
  return 0;
}
