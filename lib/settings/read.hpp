// From the command line and the environment to the settings.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "settings/table.hpp"

namespace weave::settings {

// What the command line says, as text.
struct Given {
  std::map<std::string, std::vector<std::string>> options;  // by Row::name(); the values in their order
  std::vector<std::string> words;                           // that belong to no option

  bool has(const std::string& option) const { return options.contains(option); }
};

// The value of a variable; nothing when it isn't set or is empty.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// The command line over the environment over `base`: the defaults, or the settings of the last launch. Warnings for the
// user go to `warnings`. Throws UsageError for words that make no sense, Error for values that cannot be used.
Settings read(const Given& given, const Environment& environment, Settings base, std::vector<std::string>& warnings);

// The same for one option: what is given, else its variable, else `settings` stays as it is.
void read_one(const std::string& option, const Given& given, const Environment& environment, Settings& settings);

}  // namespace weave::settings
