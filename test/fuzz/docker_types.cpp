// Whatever stands where Docker's JSON should: a value or a reason, never more.
#include "docker/types.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)weave::docker::decode_container(text);
  (void)weave::docker::decode_container_list(text);
  (void)weave::docker::decode_network(text);
  (void)weave::docker::decode_network_list(text);
  (void)weave::docker::decode_id(text);
  (void)weave::docker::decode_error(text);
  if (size < 1024 * 1024) {
    weave::docker::Lines lines;
    for (const auto& line : lines.feed(text)) (void)weave::docker::decode_event(line);
  }
  return 0;
}
