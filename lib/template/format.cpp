// printf of templates: verbs v s d q t x X f e g c %, with flags, width and precision; what doesn't fit its verb prints
// as Go prints it, %!d(string=x).
#include "template/value.hpp"

namespace weave::gotemplate {
namespace {

struct Spec {
  bool minus = false, zero = false, plus = false, sharp = false, blank = false;
  size_t width = 0;
  std::optional<size_t> precision;
  char verb = 'v';
};

// Characters, not bytes: alignment counts them.
size_t characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string padded(std::string text, const Spec& spec, bool number) {
  auto size = characters(text);
  if (size >= spec.width) return text;
  auto fill = spec.width - size;
  if (spec.minus) return text + std::string(fill, ' ');
  if (!spec.zero || !number) return std::string(fill, ' ') + text;
  size_t sign = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  return text.substr(0, sign) + std::string(fill, '0') + text.substr(sign);
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f)
          out += fmt::format("\\x{:02x}", static_cast<uint8_t>(c));
        else
          out += c;
    }
  }
  return out + "\"";
}

std::string_view type_name(const Json& json) {
  if (json.is_string()) return "string";
  if (json.is_boolean()) return "bool";
  if (json.is_number_float()) return "float64";
  if (json.is_number_unsigned()) return "uint64";
  if (json.is_number()) return "int";
  return json.is_array() ? "list" : "object";
}

std::string misfit(char verb, const Value& value) {
  if (value.json->is_null()) return fmt::format("%!{}(<nil>)", verb);
  return fmt::format("%!{}({}={})", verb, type_name(*value.json), printed(value));
}

std::string integer(const Json& json, const Spec& spec) {
  bool negative = !json.is_number_unsigned() && json.get<int64_t>() < 0;
  auto magnitude = negative ? 0 - json.get<uint64_t>() : json.get<uint64_t>();
  auto digits = spec.verb == 'x'   ? fmt::format("{}{:x}", spec.sharp ? "0x" : "", magnitude)
                : spec.verb == 'X' ? fmt::format("{}{:X}", spec.sharp ? "0X" : "", magnitude)
                                   : fmt::format("{}", magnitude);
  return (negative ? "-" : spec.plus ? "+" : spec.blank ? " " : "") + digits;
}

std::string hex(const std::string& text, bool upper) {
  std::string out;
  for (char c : text)
    out += upper ? fmt::format("{:02X}", static_cast<uint8_t>(c)) : fmt::format("{:02x}", static_cast<uint8_t>(c));
  return out;
}

std::string one(const Value& value, const Spec& spec) {
  const auto& json = *value.json;
  switch (spec.verb) {
    case 'v':
      if (json.is_number_integer()) return padded(integer(json, spec), spec, true);
      if (json.is_number()) return padded(printed(value), spec, true);
      return padded(printed(value), spec, false);
    case 's': {
      if (json.is_number() || json.is_boolean() || json.is_null()) return misfit('s', value);
      auto text = printed(value);
      if (spec.precision) {
        size_t end = 0;
        for (size_t n = 0; end < text.size(); ++end)
          if ((text[end] & 0xc0) != 0x80 && n++ == *spec.precision) break;
        text.resize(end);
      }
      return padded(std::move(text), spec, false);
    }
    case 'q':
      return json.is_string() ? padded(quoted(json.get<std::string>()), spec, false) : misfit('q', value);
    case 't':
      return json.is_boolean() ? padded(printed(value), spec, false) : misfit('t', value);
    case 'd':
      return json.is_number_integer() ? padded(integer(json, spec), spec, true) : misfit('d', value);
    case 'c':
      if (!json.is_number_integer() || json.get<int64_t>() < 0 || json.get<int64_t>() > 0x7f) return misfit('c', value);
      return padded(std::string(1, static_cast<char>(json.get<int64_t>())), spec, false);
    case 'x':
    case 'X':
      if (json.is_string()) return padded(hex(json.get<std::string>(), spec.verb == 'X'), spec, false);
      return json.is_number_integer() ? padded(integer(json, spec), spec, true) : misfit(spec.verb, value);
    case 'f':
    case 'e':
    case 'g': {
      if (!json.is_number_float()) return misfit(spec.verb, value);
      auto number = json.get<double>();
      std::string text;
      if (spec.verb == 'g')
        text = spec.precision ? fmt::format("{:.{}g}", number, *spec.precision) : printed(value);
      else if (spec.verb == 'f')
        text = fmt::format("{:.{}f}", number, spec.precision.value_or(6));
      else
        text = fmt::format("{:.{}e}", number, spec.precision.value_or(6));
      if (spec.plus && text[0] != '-') text = "+" + text;
      return padded(std::move(text), spec, true);
    }
    default:
      return misfit(spec.verb, value);
  }
}

}  // namespace

std::string formatted(const std::string& format, const std::vector<Value>& args) {
  std::string out;
  size_t used = 0;
  auto number = [&](size_t& i) {
    size_t value = 0;
    while (i < format.size() && format[i] >= '0' && format[i] <= '9')
      value = std::min<size_t>(value * 10 + static_cast<size_t>(format[i++] - '0'), 1'000'000);
    return value;
  };
  for (size_t i = 0; i < format.size();) {
    if (out.size() > kMaxOutput) fail_execution("output longer than 16 MiB");
    if (format[i] != '%') {
      out += format[i++];
      continue;
    }
    ++i;
    Spec spec;
    for (; i < format.size() && std::string_view("-0+# ").find(format[i]) != std::string_view::npos; ++i) {
      spec.minus |= format[i] == '-';
      spec.zero |= format[i] == '0';
      spec.plus |= format[i] == '+';
      spec.sharp |= format[i] == '#';
      spec.blank |= format[i] == ' ';
    }
    spec.width = number(i);
    if (i < format.size() && format[i] == '.') {
      ++i;
      spec.precision = std::min<size_t>(number(i), 1000);
    }
    if (i >= format.size()) return out + "%!(NOVERB)";
    spec.verb = format[i++];
    if (spec.verb == '%')
      out += '%';
    else if (used >= args.size())
      out += fmt::format("%!{}(MISSING)", spec.verb);
    else
      out += one(args[used++], spec);
  }
  if (used < args.size()) {
    std::vector<std::string> extra;
    for (; used < args.size(); ++used)
      extra.push_back(fmt::format("{}={}", type_name(*args[used].json), printed(args[used])));
    out += fmt::format("%!(EXTRA {})", fmt::join(extra, ", "));
  }
  return out;
}

}  // namespace weave::gotemplate
