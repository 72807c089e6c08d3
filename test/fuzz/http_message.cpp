// Addresses, forms and escapes from strangers. What is encoded must decode to itself.
#include "http/http.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weave::http;
  std::string text(reinterpret_cast<const char*>(data), size);
  if (percent_decode(percent_encode(text)) != text) __builtin_trap();
  if (auto address = Address::parse(text))
    if (auto again = Address::parse(address->str()); !again || again->str() != address->str()) __builtin_trap();
  Request request{.method = "POST",
                  .target = "/" + text,
                  .headers = {{"content-type", "application/x-www-form-urlencoded"}},
                  .body = text};
  (void)request.form();
  if (request.path().size() > request.target.size()) __builtin_trap();
  return 0;
}
