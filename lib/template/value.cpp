#include "template/value.hpp"

#include "base/text.hpp"

namespace weave::gotemplate {
namespace {

const Json kNull;

std::string real(double value) {
  // As Go's %v: the shortest text, with an exponent from 1e21 on.
  auto text = fmt::format("{}", value);
  return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
}

// -1, 0, 1.
int compared(const Value& a, const Value& b) {
  const auto &x = *a.json, &y = *b.json;
  bool same = (x.is_number() && y.is_number()) || (x.is_string() && y.is_string()) ||
              (x.is_boolean() && y.is_boolean()) || (x.is_null() && y.is_null());
  if (!same) fail_execution("incompatible types for comparison");
  // A negative number is below every unsigned one, whatever their bits say.
  if (x.is_number_integer() && y.is_number_integer()) {
    bool x_negative = !x.is_number_unsigned() && x.get<int64_t>() < 0;
    bool y_negative = !y.is_number_unsigned() && y.get<int64_t>() < 0;
    if (x_negative != y_negative) return x_negative ? -1 : 1;
  }
  return x < y ? -1 : y < x ? 1 : 0;
}

size_t index_number(const Value& index, size_t limit) {
  if (!index.json->is_number_integer()) fail_execution("cannot index with " + printed(index));
  bool negative = !index.json->is_number_unsigned() && index.json->get<int64_t>() < 0;
  auto number = index.json->get<uint64_t>();
  if (negative || number >= limit) fail_execution("index out of range: " + printed(index));
  return number;
}

void arity(const std::string& name, size_t got, size_t least, size_t most) {
  if (got < least || got > most) fail_execution(fmt::format("wrong number of args for {}: got {}", name, got));
}

int64_t length(const Value& value) {
  if (value.json->is_string()) return static_cast<int64_t>(value.json->get_ref<const std::string&>().size());
  if (value.json->is_array() || (value.json->is_object() && value.free_map))
    return static_cast<int64_t>(value.json->size());
  fail_execution("len of " + printed(value));
}

Value slice(const std::vector<Value>& args) {
  const auto& json = *args[0].json;
  if (!json.is_array() && !json.is_string()) fail_execution("can't slice " + printed(args[0]));
  auto size = static_cast<size_t>(length(args[0]));
  size_t begin = args.size() > 1 ? index_number(args[1], size + 1) : 0;
  size_t end = args.size() > 2 ? index_number(args[2], size + 1) : size;
  if (begin > end) fail_execution("invalid slice index");
  if (json.is_string()) return Value::of(json.get_ref<const std::string&>().substr(begin, end - begin));
  auto out = Json::array();
  for (size_t i = begin; i < end; ++i) out.push_back(json[i]);
  return Value::of(std::move(out));
}

// Go's Sprint: a blank between operands of which neither is a string.
std::string print(const std::vector<Value>& args, bool line) {
  std::string out;
  for (size_t i = 0; i < args.size(); ++i) {
    bool strings = i > 0 && (args[i].json->is_string() || args[i - 1].json->is_string());
    if (i > 0 && (line || !strings)) out += ' ';
    out += printed(args[i]);
  }
  return line ? out + "\n" : out;
}

}  // namespace

void fail_execution(const std::string& what) {
  throw TemplateError(500, "error during template execution: " + what);
}

Value field_of(const Value& value, const std::string& name) {
  const auto& json = *value.json;
  if (json.is_object()) {
    if (auto it = json.find(name); it != json.end()) {
      const auto* hooks = value.hooks;
      bool free_map = value.free_map || (hooks && hooks->is_map && hooks->is_map(name));
      auto field = value.part(*it, free_map);
      if (hooks && hooks->text_of) field.text = hooks->text_of(name, *it);
      return field;
    }
    if (!value.free_map) fail_execution(fmt::format("can't evaluate field {}", name));
  }
  if (value.free_map || value.missing) return {.json = &kNull, .free_map = true, .missing = true, .hooks = value.hooks};
  if (json.is_null()) fail_execution(fmt::format("nil pointer evaluating field {}", name));
  fail_execution(fmt::format("can't evaluate field {} in {}", name, printed(value)));
}

Value element_of(const Value& value, const Value& index) {
  if (value.json->is_array()) return value.part((*value.json)[index_number(index, value.json->size())], value.free_map);
  if (value.json->is_object() && value.free_map && index.json->is_string())
    return field_of(value, index.json->get<std::string>());
  if (value.json->is_string()) {
    const auto& text = value.json->get_ref<const std::string&>();
    return Value::of(static_cast<uint8_t>(text[index_number(index, text.size())]));
  }
  fail_execution("can't index " + printed(value));
}

bool truth(const Value& value) {
  const auto& json = *value.json;
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number()) return json.get<double>() != 0;
  if (json.is_string()) return !json.get_ref<const std::string&>().empty();
  return !json.is_null() && !json.empty();
}

std::string printed(const Value& value) {
  const auto& json = *value.json;
  if (value.missing) return "<no value>";
  if (json.is_null()) return value.free_map ? "map[]" : "<nil>";
  if (json.is_string()) return json.get<std::string>();
  if (json.is_number_float()) return real(json.get<double>());
  if (json.is_array()) {
    std::vector<std::string> items;
    for (const auto& item : json) items.push_back(printed(value.part(item, value.free_map)));
    return fmt::format("[{}]", fmt::join(items, " "));
  }
  if (value.text) return *value.text;
  if (json.is_object() && value.free_map) {
    std::map<std::string, std::string> items;
    for (const auto& [key, item] : json.items())
      items[key] = item.is_null() ? "<nil>" : printed(value.part(item, true));
    std::string out;
    for (const auto& [key, text] : items) out += fmt::format("{}{}:{}", out.empty() ? "" : " ", key, text);
    return "map[" + out + "]";
  }
  return json_text(json);
}

Value call_function(const std::string& name, const std::vector<Value>& args) {
  constexpr size_t many = SIZE_MAX;
  auto needs = [&](size_t least, size_t most) { arity(name, args.size(), least, most); };
  if (name == "and" || name == "or") {
    needs(1, many);
    for (const auto& arg : args)
      if (truth(arg) == (name == "or")) return arg;
    return args.back();
  }
  if (name == "not") {
    needs(1, 1);
    return Value::of(!truth(args[0]));
  }
  if (name == "eq") {
    needs(2, many);
    for (size_t i = 1; i < args.size(); ++i)
      if (compared(args[0], args[i]) == 0) return Value::of(true);
    return Value::of(false);
  }
  if (name == "ne" || name == "lt" || name == "le" || name == "gt" || name == "ge") {
    needs(2, 2);
    int order = compared(args[0], args[1]);
    return Value::of(name == "ne"   ? order != 0
                     : name == "lt" ? order < 0
                     : name == "le" ? order <= 0
                     : name == "gt" ? order > 0
                                    : order >= 0);
  }
  if (name == "len") {
    needs(1, 1);
    return Value::of(length(args[0]));
  }
  if (name == "index") {
    needs(1, many);
    auto value = args[0];
    for (size_t i = 1; i < args.size(); ++i) value = element_of(value, args[i]);
    return value;
  }
  if (name == "slice") {
    needs(1, 3);
    return slice(args);
  }
  if (name == "print" || name == "println") return Value::of(print(args, name == "println"));
  if (name == "printf") {
    needs(1, many);
    if (!args[0].json->is_string()) fail_execution("printf needs a format");
    return Value::of(formatted(args[0].json->get<std::string>(), {args.begin() + 1, args.end()}));
  }
  if (name == "json") {
    needs(1, 1);
    return Value::of(json_text(*args[0].json));
  }
  if (name == "html") return Value::of(html_escaped(print(args, false)));
  return Value::of(percent_encode(print(args, false)));  // urlquery
}

}  // namespace weave::gotemplate
