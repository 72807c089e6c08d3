// Any text as the output of iptables-save: writing what was read gives the same again, rules that are all there need no
// repair, and what a repair says is whole lines.
#include <cstdlib>

#include "host/iptables.hpp"

using namespace weave::host;

namespace {

std::string written(const std::map<std::string, SavedTable>& tables) {
  std::string text;
  for (const auto& [name, table] : tables) {
    text += "*" + name + "\n";
    for (const auto& [chain, rules] : table) {
      if (rules.empty()) text += ":" + chain + " - [0:0]\n";
      for (const auto& rule : rules) text += rule + "\n";
    }
    text += "COMMIT\n";
  }
  return text;
}

void check_table(const SavedTable& table) {
  WantedTable wanted{.chains = table, .leading = {}, .present = {}, .absent = {}};
  std::vector<std::string> all;
  for (const auto& [chain, rules] : table) all.insert(all.end(), rules.begin(), rules.end());
  wanted.present = all;
  if (!repair_lines(wanted, table).empty()) abort();
  WantedTable gone{.chains = {}, .leading = {}, .present = {}, .absent = all};
  auto lines = repair_lines(gone, table);
  if (all.empty() != lines.empty()) abort();
  size_t removals = 0;
  for (size_t at = 0; at < lines.size(); at = lines.find('\n', at) + 1) {
    if (lines.compare(at, 3, "-D ") != 0) abort();
    ++removals;
  }
  if (removals < all.size()) abort();
  WantedTable first{.chains = {}, .leading = all, .present = {}, .absent = {}};
  lines = repair_lines(first, table);
  if (!lines.empty() && lines.back() != '\n') abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;  // repairs take time quadratic in the number of rules
  std::string text(reinterpret_cast<const char*>(data), size);
  auto tables = parse_saved(text);
  if (parse_saved(written(tables)) != tables) abort();
  for (const auto& [name, table] : tables) check_table(table);
  canonical_rule(text);
  return 0;
}
