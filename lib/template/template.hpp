// A subset of Go's text/template over a JSON value, and paths to single fields of one.
//
// Templates: text, {{actions}} with trim markers and comments, field chains, variables, pipelines, parentheses,
// literals, if / else if / else, range (with else, break, continue), with, and the functions and, or, not, eq, ne, lt,
// le, gt, ge, len, index, slice, print, printf, println, json, html, urlquery. No define, template, block or method
// calls.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "template/json_text.hpp"

namespace weave::gotemplate {

// What differs from field to field: in Go it follows from the types of the value. Fields are known by their name,
// wherever they stand. A function that is not set stands for no such field.
struct Hooks {
  // Whether the field is a map with free keys: a key that is missing then has no value, but is no error.
  std::function<bool(std::string_view field)> is_map;
  // The text that {{.Field}} prints, if the field's type has a text of its own.
  std::function<std::optional<std::string>(std::string_view field, const Json& value)> text_of;
};

// A template or path that is wrong (status 400) or fails on this value (status 500).
class TemplateError : public Error {
 public:
  TemplateError(int status, const std::string& message) : Error(message), status_(status) {}
  int status() const { return status_; }

 private:
  int status_;
};

// Renders a template of at most 64 KiB; the output has at most 16 MiB, and a template may take 1 000 000 steps. Throws
// TemplateError; then there is no output.
std::string render(std::string_view text, const Json& value, const Hooks& hooks = {});

// ".Router.Peers[0].Name", ".DNS.Entries[].Hostname": keys, indices, [] for each. Strings bare, everything else as
// JSON, one value a line. Throws TemplateError.
std::string json_path(std::string_view path, const Json& value);

}  // namespace weave::gotemplate
