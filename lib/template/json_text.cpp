#include "template/json_text.hpp"

namespace weave::gotemplate {

std::string json_text(const Json& value, int indent) {
  // Strings may hold any bytes (a nickname, a container's name): bad UTF-8 must not fail a status request.
  auto raw = value.dump(indent, ' ', false, Json::error_handler_t::replace);
  std::string out;
  out.reserve(raw.size());
  for (char c : raw) {
    if (c == '<' || c == '>' || c == '&')
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out;
}

}  // namespace weave::gotemplate
