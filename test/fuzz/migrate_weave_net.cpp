// Any bytes as a state file of Weave Net: values or a reason. The checksums of both meta pages are made right first, or
// hardly any input would get farther than that.
#include <cstdlib>

#include "migrate/bolt.hpp"
#include "migrate/weave_net.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weave;
  constexpr size_t summed = 16, length = 56, page = 4096;
  Bytes file(data, data + size);
  for (size_t meta : {size_t{0}, page}) {
    if (file.size() < meta + summed + length + 8) continue;
    auto sum = migrate::bolt_checksum(ByteView(file).subspan(meta + summed, length));
    for (size_t i = 0; i < 8; ++i) file[meta + summed + length + i] = static_cast<uint8_t>(sum >> (8 * i));
  }
  for (ByteView input : {ByteView(data, size), ByteView(file)}) {
    auto state = migrate::decode_weave_net(input);
    if (!state) {
      if (state.error().empty()) abort();
      continue;
    }
    if (state->ring && (!state->ring->check() || state->ring->self() != state->self)) abort();
    migrate::Imported{"", std::move(*state)}.str();
  }
  return 0;
}
