// A line with a path, then a JSON value: there is a text or a TemplateError. A path that begins with [] gives what the
// elements give one after the other, and a key gives what the field gives by itself.
#include <cstdlib>

#include "template/template.hpp"

using namespace weave::gotemplate;

namespace {

std::optional<std::string> at(const std::string& path, const Json& value) {
  try {
    return json_path(path, value);
  } catch (const TemplateError& error) {
    if (error.status() != 400) abort();
    return std::nullopt;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;  // so that the value isn't nested deeper than the stack allows
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto line = text.substr(0, text.find('\n'));
  auto value = Json::parse(text.substr(std::min(size, line.size() + 1)), nullptr, false);
  if (value.is_discarded()) value = Json::array({Json{{"a", 1}}, "b"});
  std::string path(line);
  auto found = at(path, value);
  if (found && !found->empty() && found->back() != '\n') abort();
  if (at("", value) != at(".", value)) abort();
  if (path == ".") path.clear();  // the whole value only at the start of a path

  std::optional<std::string> expected;
  if (value.is_array()) {
    expected.emplace();
    for (size_t i = 0; i < value.size() && expected; ++i) {
      auto one = at("[" + std::to_string(i) + "]" + path, value);
      if (one != at(path, value[i])) abort();
      expected = one ? std::optional(*expected + *one) : std::nullopt;
    }
    // Of no element nothing is wrong but the form of the path.
    if (!value.empty() && at("[]" + path, value) != expected) abort();
  } else if (at("[]" + path, value)) {
    abort();
  }
  if (!path.empty() && path[0] != '.' && path[0] != '[') {
    if (found) abort();
    return 0;
  }
  if (value.is_object())
    for (const auto& [key, field] : value.items())
      if (!key.empty() && key.find_first_of(".[") == std::string::npos)
        if (at("." + key + path, value) != at(path, field)) abort();
  return 0;
}
