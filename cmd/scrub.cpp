#include <cstring>

#include "command.hpp"

namespace weave::cmd {
namespace {

// One visible character stays, so that a list of processes shows that there was a value.
void blot_out(char* value) {
  auto size = std::strlen(value);
  explicit_bzero(value, size);
  if (size > 0) *value = 'x';
}

}  // namespace

void scrub_passwords(int argc, char** argv) {
  Words names;
  for (const auto& row : settings::table())
    if (row.secret) names.insert(names.end(), {row.name(), row.name().substr(1)});
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    for (std::string_view name : names) {
      if (word == name && i + 1 < argc)
        blot_out(argv[i + 1]);
      else if (word.starts_with(name) && word.size() > name.size() && word[name.size()] == '=')
        blot_out(argv[i] + name.size() + 1);
    }
  }
}

}  // namespace weave::cmd
