// Values of a running template, how they print, and the functions on them; private to this library.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "template/json_text.hpp"
#include "template/template.hpp"

namespace weave::gotemplate {

constexpr size_t kMaxOutput = 16 * 1024 * 1024;

// A part of the value that the template runs over (which outlives it), or a value of its own.
struct Value {
  const Json* json = nullptr;
  std::shared_ptr<const Json> own = {};
  bool free_map = false;  // in a map with free keys: a missing one has no value, but is no error
  bool missing = false;   // <no value>
  const Hooks* hooks = nullptr;
  std::optional<std::string> text = {};  // what it prints, where a hook decides

  // A value inside of this one.
  Value part(const Json& inner, bool is_free_map) const {
    return {.json = &inner, .own = own, .free_map = is_free_map, .hooks = hooks};
  }

  static Value of(Json value) {
    auto owned = std::make_shared<const Json>(std::move(value));
    return {.json = owned.get(), .own = owned};
  }
};

[[noreturn]] void fail_execution(const std::string& what);

// .name of a value.
Value field_of(const Value& value, const std::string& name);
// An element of a list or map.
Value element_of(const Value& value, const Value& index);
// Not false, 0, "", empty or absent.
bool truth(const Value& value);
// As {{.}} prints it.
std::string printed(const Value& value);
// A function of a template.
Value call_function(const std::string& name, const std::vector<Value>& args);
// Go's Sprintf for what templates can hold.
std::string formatted(const std::string& format, const std::vector<Value>& args);

}  // namespace weave::gotemplate
