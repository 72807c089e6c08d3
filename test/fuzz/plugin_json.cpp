// Every decoder of the plugin's messages over the same bytes: none may throw, crash or hang.
#include <cstdint>

#include "plugin/messages.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  using namespace weave::plugin;
  (void)decode<CreateNetwork>(body);
  (void)decode<NetworkRef>(body);
  (void)decode<CreateEndpoint>(body);
  (void)decode<EndpointRef>(body);
  (void)decode<Join>(body);
  (void)decode<RequestPool>(body);
  (void)decode<ReleasePool>(body);
  (void)decode<RequestAddress>(body);
  (void)decode<ReleaseAddress>(body);
  return 0;
}
