// Values of a running template, how they print, and the functions on them; private to this room.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "control/json.hpp"
#include "control/template.hpp"

namespace weave::control {

constexpr size_t kMaxOutput = 16 * 1024 * 1024;

// A piece of the report (which outlives it) or a value of its own.
struct Value {
  const Json* json = nullptr;
  std::shared_ptr<const Json> own;
  bool free_map = false;  // in a map with free keys: a missing one has no value, but is no error
  bool missing = false;   // <no value>
  bool version_check = false;

  static Value of(Json value) {
    auto owned = std::make_shared<const Json>(std::move(value));
    return {owned.get(), owned};
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

}  // namespace weave::control
