// Any bytes as Docker's JSON: what is accepted has an id, numbers are within their bounds, every text comes from the
// input, and a stream gives the same lines however it is cut.
#include <cstdlib>

#include "docker/types.hpp"

using namespace weave;
using namespace weave::docker;

namespace {

size_t in_input = 0;  // bytes of text in what was decoded

void count(const std::string& text) {
  in_input += text.size();
}
void count(const std::map<std::string, std::string>& map) {
  for (const auto& [key, value] : map) in_input += key.size() + value.size();
}
void count(const std::vector<std::string>& list) {
  for (const auto& text : list) count(text);
}
void check(const std::map<std::string, Endpoint>& networks) {
  for (const auto& [name, endpoint] : networks) {
    if (endpoint.prefix < 0 || endpoint.prefix > 32) abort();
    count(name);
    count(endpoint.ip);
    count(endpoint.aliases);
    count(endpoint.driver_options);
  }
}
void check(const Network& network) {
  if (network.id.empty()) abort();
  count(network.id);
  count(network.name);
  count(network.options);
  count(network.labels);
  for (const auto& [id, member] : network.containers) in_input += id.size() + member.name.size();
}

// Each decoder by itself: bad UTF-8 is refused, so texts never grow.
template <class Decode>
void within_input(std::string_view text, Decode&& decode) {
  in_input = 0;
  decode();
  if (in_input > text.size()) abort();
}

void check_lines(std::string_view text) {
  Lines whole, pieces;
  auto lines = whole.feed(text);
  std::vector<std::string> again;
  for (size_t at = 0; at < text.size(); at += 5)
    for (auto& line : pieces.feed(text.substr(at, 5))) again.push_back(std::move(line));
  if (again != lines) abort();
  for (const auto& line : lines) {
    if (line.empty() || line.find('\n') != std::string::npos) abort();
    auto event = decode_event(line);
    if (event && (event->type.empty() || event->action.empty())) abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  within_input(text, [&] {
    auto container = decode_container(text);
    if (!container) return;
    if (container->id.empty() || container->pid < 0) abort();
    count(container->id);
    count(container->labels);
    check(container->networks);
    for (const auto& [name, endpoint] : container->networks)
      if (container->endpoint_in(endpoint.network_id)->network_id != endpoint.network_id) abort();
  });
  within_input(text, [&] {
    auto list = decode_container_list(text);
    if (!list) return;
    for (const auto& one : *list) {
      if (one.id.empty()) abort();
      count(one.id);
      count(one.labels);
      check(one.networks);
    }
  });
  within_input(text, [&] {
    if (auto network = decode_network(text)) check(*network);
  });
  within_input(text, [&] {
    auto list = decode_network_list(text);
    if (!list) return;
    for (const auto& network : *list) check(network);
    // What is a list is no object.
    if (decode_network(text) || decode_container(text) || decode_id(text)) abort();
  });
  if (auto id = decode_id(text); id && id->empty()) abort();
  if (decode_error(text).ends_with('\n')) abort();
  // Any text in a request is escaped.
  NewNetwork request{
      .name = std::string(text), .driver = "d", .ipam_driver = {}, .options = {{std::string(text), "v"}}};
  auto encoded = encode(request);
  if (encoded.find('\n') != std::string::npos) abort();
  if (size < 1024 * 1024) check_lines(text);
  return 0;
}
