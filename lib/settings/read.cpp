#include "settings/read.hpp"

#include <nlohmann/json.hpp>

#include "address/ipv4.hpp"

namespace weave::settings {
namespace {

void refuse_excluded(const Given& given) {
  for (const auto& row : table())
    if (!row.excludes.empty() && given.has(row.name()) && given.has(row.excludes))
      throw UsageError(fmt::format("{} and {} cannot be given together.", row.name(), row.excludes));
}

void take_variable(const Row& row, const Environment& environment, Settings& settings) {
  if (row.variable.name.empty()) return;
  auto text = environment(row.variable.name);
  if (!text) return;
  row.field.set(settings, row.variable.name, {row.variable.stands_for.empty() ? *text : row.variable.stands_for});
}

// Weave Net 1.x took a CIDR as the first word.
std::vector<std::string> peers_of(std::vector<std::string> words, std::vector<std::string>& warnings) {
  if (words.empty() || !Cidr::parse(words[0])) return words;
  warnings.push_back(fmt::format(
      "WARNING: {} parameter ignored; 'weave launch' no longer takes a CIDR as the first parameter", words[0]));
  words.erase(words.begin());
  return words;
}

void take_given(const Row& row, const Given& given, Settings& settings) {
  auto found = given.options.find(row.name());
  if (found != given.options.end() && row.show != Show::kIgnored) row.field.set(settings, row.name(), found->second);
}

}  // namespace

Settings read(const Given& given, const Environment& environment, Settings base, std::vector<std::string>& warnings) {
  auto settings = std::move(base);
  for (const auto& row : table())
    if (row.this_launch) row.field.load(settings, row.name(), row.field.store(Settings()));
  refuse_excluded(given);
  for (const auto& row : table())
    if (!given.has(row.name())) take_variable(row, environment, settings);
  for (const auto& row : table()) {
    if (row.words) row.field.set(settings, {}, peers_of(given.words, warnings));
    if (!row.use_instead.empty() && given.has(row.name()))
      warnings.push_back(fmt::format("Warning: {} is deprecated; please use {}", row.name(), row.use_instead));
    take_given(row, given, settings);
  }
  std::string ignored;
  for (const auto& row : table())
    if (auto found = given.options.find(row.name()); row.show == Show::kIgnored && found != given.options.end() &&
                                                     found->second != std::vector<std::string>{"false"})
      ignored += (ignored.empty() ? "" : ", ") + row.name();
  if (!ignored.empty()) warnings.push_back("Warning: without effect here: " + ignored);
  // Without Docker there is no use for the plugin; only an explicit --plugin is an error then.
  if (!settings.docker && !given.has("--plugin")) settings.plugin = false;
  check(settings);
  return settings;
}

void read_one(const std::string& option, const Given& given, const Environment& environment, Settings& settings) {
  const auto& row = row_of(option);
  if (given.has(option))
    take_given(row, given, settings);
  else
    take_variable(row, environment, settings);
}

}  // namespace weave::settings
