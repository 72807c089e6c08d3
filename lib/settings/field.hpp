// Makes the Field of a row from a member of Settings and the parser of its text. Internal to the library.
//
// In JSON a truth value, a number and a duration (its count) are what they are, a list is an array, and everything else
// is the text that the option takes. A member that may be missing is empty text, on the command line and in JSON.
#pragma once
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "settings/table.hpp"
#include "settings/values.hpp"

namespace weave::settings {

using Json = nlohmann::json;
using Texts = std::vector<std::string>;

template <class T>
inline constexpr bool kIsDuration = false;
template <class Count, class Period>
inline constexpr bool kIsDuration<std::chrono::duration<Count, Period>> = true;

template <class T>
Json json_of(const T& value) {
  if constexpr (std::is_arithmetic_v<T>)
    return value;
  else if constexpr (kIsDuration<T>)
    return value.count();
  else
    return text_of(value);
}

// `Parse`: T(source, text).
template <class T, class Parse>
T from_json_value(const Json& value, const std::string& source, Parse parse) {
  if constexpr (std::is_arithmetic_v<T>)
    return parse(source, value.dump());
  else if constexpr (kIsDuration<T>)
    return T(value.get<typename T::rep>());
  else
    return parse(source, value.get<std::string>());
}

// The last text counts.
template <class T, class Parse>
Field field(const char* key, T Settings::*member, Parse parse) {
  return {.key = key,
          .set = [=](Settings& to, const std::string& source,
                     const Texts& texts) { to.*member = parse(source, texts.back()); },
          .store = [=](const Settings& from) { return json_of(from.*member); },
          .load = [=](Settings& to, const std::string& source,
                      const Json& value) { to.*member = from_json_value<T>(value, source, parse); }};
}

template <class T, class Parse>
Field field(const char* key, std::optional<T> Settings::*member, Parse parse) {
  auto parse_optional = [=](const std::string& source, const std::string& text) -> std::optional<T> {
    if (text.empty()) return std::nullopt;
    return parse(source, text);
  };
  return {.key = key,
          .set = [=](Settings& to, const std::string& source,
                     const Texts& texts) { to.*member = parse_optional(source, texts.back()); },
          .store = [=](const Settings& from) { return from.*member ? json_of(*(from.*member)) : Json(""); },
          .load = [=](Settings& to, const std::string& source,
                      const Json& value) { to.*member = parse_optional(source, value.get<std::string>()); }};
}

// All texts count. `separator`: between the elements of a text; 0: a text is one element.
template <class T, class Parse>
Field list(const char* key, std::vector<T> Settings::*member, Parse parse, char separator) {
  auto parse_all = [=](const std::string& source, const Texts& texts) {
    std::vector<T> values;
    for (const auto& text : texts)
      for (const auto& part : separator == 0 ? Texts{text} : split(text, separator))
        if (separator == 0 || !part.empty()) values.push_back(parse(source, part));
    return values;
  };
  return {.key = key,
          .set = [=](Settings& to, const std::string& source,
                     const Texts& texts) { to.*member = parse_all(source, texts); },
          .store =
              [=](const Settings& from) {
                auto values = Json::array();
                for (const auto& value : from.*member) values.push_back(json_of(value));
                return values;
              },
          .load = [=](Settings& to, const std::string& source,
                      const Json& value) { to.*member = parse_all(source, value.get<Texts>()); }};
}

// `given`: the value of the member when the flag is true.
inline Field flag(const char* key, bool Settings::*member, bool given = true) {
  auto made = field(key, member, truth);
  made.set = [=](Settings& to, const std::string& source, const Texts& texts) {
    to.*member = truth(source, texts.back()) == given;
  };
  return made;
}

// An option that says in other words what another row says: it has no stored value of its own.
inline Field alias(std::function<void(Settings& to, const std::string& source, const std::string& text)> set) {
  return {.key = {},
          .set = [=](Settings& to, const std::string& source, const Texts& texts) { set(to, source, texts.back()); },
          .store = {},
          .load = {}};
}

// `field`, and what follows from an option or variable that is given.
inline Field field_and(Field field, std::function<void(Settings& to, const std::string& text)> also) {
  field.set = [set = field.set, also](Settings& to, const std::string& source, const Texts& texts) {
    set(to, source, texts);
    also(to, texts.back());
  };
  return field;
}

}  // namespace weave::settings
