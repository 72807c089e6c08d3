// The table of options: one row a setting. The command line, help, completions, manual page, environment, and the
// stored settings of the last launch are all made from it. A new option is a row here and a field in Settings.
#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "settings/settings.hpp"

namespace weave::settings {

// A mistake on the command line or in a variable of the environment: one sentence.
class UsageError : public Error {
 public:
  using Error::Error;
};

// An environment variable that stands for an option. One that is empty counts as not set.
struct Variable {
  std::string name;
  std::string stands_for;  // the value of the option that it stands for, whatever its own is; empty: its own
};

enum class Show {
  kListed,
  kHidden,   // works, but there is a better way
  kIgnored,  // accepted for compatibility, without effect
};

// How a row reads and writes its field. `source` names the option or variable, for messages.
struct Field {
  // In the stored settings; empty: not stored, because the option is another way to say what another row says.
  std::string key;
  // Throws UsageError for a text of the wrong form, Error for a value that cannot be used.
  std::function<void(Settings& settings, const std::string& source, const std::vector<std::string>& texts)> set;
  std::function<nlohmann::json(const Settings& settings)> store;
  std::function<void(Settings& settings, const std::string& source, const nlohmann::json& value)> load;
};

struct Row {
  std::string names;  // "-q,--quiet"; empty: no option
  std::string value;  // what its value is, "<cidr>"; empty: a flag
  std::string help;
  Variable variable;
  Field field;
  std::vector<std::string> choices;    // for completion
  std::vector<std::string> old_names;  // that still work, with a warning
  std::string excludes;                // the name of an option that cannot be given together with this one
  std::string use_instead;             // deprecated: what the warning recommends
  Show show = Show::kListed;
  bool words = false;        // not an option: the words of the command line that belong to none
  bool this_launch = false;  // not restored from a stored launch
  bool secret = false;       // not stored

  // The last of the names.
  std::string name() const;
};

const std::vector<Row>& table();
// The row of an option by its name; the option must exist.
const Row& row_of(const std::string& name);

}  // namespace weave::settings
