// Paths into a JSON value: (.key | [index] | [])*.
#include <charconv>

#include "template/json_text.hpp"
#include "template/template.hpp"

namespace weave::gotemplate {
namespace {

[[noreturn]] void refuse(std::string_view path, std::string_view why) {
  throw TemplateError(400, fmt::format("path {}: {}", path, why));
}

}  // namespace

std::string json_path(std::string_view path, const Json& root) {
  std::vector<const Json*> found{&root};
  size_t at = path == "." ? 1 : 0;
  while (at < path.size()) {
    std::vector<const Json*> next;
    if (path[at] == '.') {
      auto end = std::min(path.find_first_of(".[", at + 1), path.size());
      auto key = std::string(path.substr(at + 1, end - at - 1));
      if (key.empty()) refuse(path, "a key is missing after '.'");
      for (const auto* value : found) {
        if (!value->is_object() || !value->contains(key))
          refuse(path, fmt::format("no '{}' in {}", key, at == 0 ? "the report" : path.substr(0, at)));
        next.push_back(&(*value)[key]);
      }
      at = end;
    } else if (path[at] == '[') {
      auto end = path.find(']', at);
      if (end == std::string_view::npos) refuse(path, "']' is missing");
      auto inside = path.substr(at + 1, end - at - 1);
      size_t index = 0;
      auto parsed = std::from_chars(inside.data(), inside.data() + inside.size(), index);
      if (!inside.empty() && (parsed.ec != std::errc() || parsed.ptr != inside.data() + inside.size()))
        refuse(path, fmt::format("'{}' is no index", inside));
      for (const auto* value : found) {
        if (!value->is_array()) refuse(path, fmt::format("{} is no list", path.substr(0, at)));
        if (inside.empty())
          for (const auto& item : *value) next.push_back(&item);
        else if (index < value->size())
          next.push_back(&(*value)[index]);
        else
          refuse(path, fmt::format("{} has only {} elements", path.substr(0, at), value->size()));
      }
      at = end + 1;
    } else {
      refuse(path, fmt::format("'.' or '[' expected at '{}'", path.substr(at)));
    }
    found = std::move(next);
  }
  std::string out;
  for (const auto* value : found) out += (value->is_string() ? value->get<std::string>() : json_text(*value)) + "\n";
  return out;
}

}  // namespace weave::gotemplate
