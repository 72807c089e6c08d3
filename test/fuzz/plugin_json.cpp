// Any bytes as each of the plugin's messages: a message or a reason. A body that is empty, too long, too deep or no
// JSON object is refused for every message with the same reason; what the messages have in common, they read alike.
#include <cstdint>
#include <cstdlib>

#include "plugin/messages.hpp"

using namespace weave;
using namespace weave::plugin;

namespace {

// Whether a reason says that the body as a whole is refused, not one of its fields.
bool about_body(const std::string& reason) {
  return !reason.starts_with("field ");
}

template <class Message>
Result<Message> checked(std::string_view body, const std::string& common) {
  auto message = decode<Message>(body);
  if (!message && message.error().empty()) abort();
  std::string reason = !message && about_body(message.error()) ? message.error() : "";
  if (reason != common) abort();
  return message;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  auto network = decode<NetworkRef>(body);
  const std::string common = !network && about_body(network.error()) ? network.error() : "";
  auto create = checked<CreateNetwork>(body, common);
  auto endpoint = checked<EndpointRef>(body, common);
  auto create_endpoint = checked<CreateEndpoint>(body, common);
  auto join = checked<Join>(body, common);
  auto pool = checked<RequestPool>(body, common);
  auto release_pool = checked<ReleasePool>(body, common);
  auto address = checked<RequestAddress>(body, common);
  auto release = checked<ReleaseAddress>(body, common);

  if (size > kMaxBody && common.empty()) abort();
  if (create && (!network || network->network != create->network)) abort();
  if (endpoint && (!network || network->network != endpoint->network)) abort();
  if (create_endpoint && (!endpoint || endpoint->endpoint != create_endpoint->endpoint)) abort();
  if (join && (!endpoint || endpoint->endpoint != join->endpoint)) abort();
  if (release && (!release_pool || release_pool->pool_id != release->pool_id)) abort();
  if (address && (!release || release->address != address->address)) abort();
  if (pool && pool->pool.size() + pool->sub_pool.size() + pool->address_space.size() > size) abort();
  if (create)
    for (const auto& one : create->ipv4)
      if (one.pool.size() + one.gateway.size() > size) abort();
  return 0;
}
