// Command lines by CLI11, which only this file sees: its header costs ten seconds a unit.
//
// Weave Net's own parsers understood a few spellings that CLI11 doesn't; a first pass turns them into usual ones.
#include <CLI/CLI.hpp>

#include "command.hpp"
#include "text.hpp"

namespace weave::cmd {
namespace {

Words names_of(const Option& option) {
  return split(option.names, ',');
}

const Option* find_option(const Command& command, const std::string& name) {
  for (const auto& option : command.options)
    for (const auto& own : names_of(option))
      if (own == name) return &option;
  return nullptr;
}

// The option's name in "--name=value", and "=value".
std::pair<std::string, std::string> cut(const std::string& word) {
  auto equals = word.find('=');
  if (equals == std::string::npos) return {word, {}};
  return {word.substr(0, equals), word.substr(equals)};
}

// Old names become new ones, and each value a word of its own: that of "--name=" would be looked for in the next one.
Words usual_spellings(const Command& command, std::span<const std::string> arguments, Words& warnings) {
  Words out;
  for (auto word = arguments.begin(); word != arguments.end(); ++word) {
    auto [name, value] = cut(*word);
    if (!name.starts_with('-') || name.size() < 2) {
      out.push_back(*word);
      continue;
    }
    std::string now = name;
    if (auto renamed = command.renamed.find(name); renamed != command.renamed.end())
      now = renamed->second;
    else if (name[1] != '-' && name.size() > 2 && find_option(command, "-" + name) != nullptr)
      now = "-" + name;
    if (now != name) warnings.push_back(fmt::format("Warning: {} is deprecated; please use {}", name, now));
    const auto* option = find_option(command, now);
    bool takes_value = option != nullptr && !option->value.empty();
    if (!takes_value) {
      out.push_back(now + value);
    } else if (!value.empty()) {
      out.insert(out.end(), {now, value.substr(1)});
    } else {
      if (++word == arguments.end()) throw UsageError(fmt::format("{} needs a value, {}.", now, option->value));
      out.insert(out.end(), {now, *word});
    }
  }
  return out;
}

int number(const std::string& name, const std::string& text) {
  auto value = parse_number(text);
  if (!value) throw UsageError(fmt::format("{}: '{}' is not a number.", name, text));
  return *value;
}

bool truth(const std::string& name, const std::string& text) {
  auto value = parse_bool(text);
  if (!value) throw UsageError(fmt::format("{}: '{}' is neither true nor false.", name, text));
  return *value;
}

void store(const Option& option, const Words& values) {
  auto name = names_of(option).back();
  const auto& last = values.back();
  std::visit(
      [&](const auto& target) {
        using T = std::decay_t<decltype(target)>;
        if constexpr (std::is_same_v<T, bool*>)
          *target = truth(name, last);
        else if constexpr (std::is_same_v<T, int*>)
          *target = number(name, last);
        else if constexpr (std::is_same_v<T, Words*>)
          *target = values;
        else if constexpr (std::is_invocable_v<T, const Words&>)
          target(values);
        else if constexpr (!std::is_same_v<T, std::monostate>)
          *target = last;
      },
      option.target);
}

[[noreturn]] void refuse_unknown(const Command& command, const std::string& word) {
  auto name = cut(word).first;
  if (auto foreign = command.foreign.find(name); foreign != command.foreign.end()) throw UsageError(foreign->second);
  Words known{"--help"};
  for (const auto& option : command.options)
    if (option.show == Show::kListed)
      for (const auto& own : names_of(option)) known.push_back(own);
  auto near = did_you_mean(name, known);
  throw UsageError(fmt::format("Unknown option '{}'{}", name, near ? fmt::format("; did you mean {}?", *near) : "."));
}

void check_count(const Command& command, const Words& words) {
  if (words.size() > command.max_words)
    throw UsageError(command.max_words == 0 ? fmt::format("weave {} takes no arguments.", command.name)
                                            : fmt::format("'{}' is one argument too many.", words[command.max_words]));
  if (words.size() < command.min_words)
    throw UsageError(fmt::format("An argument is missing: weave {} {}", command.name, command.words));
}

}  // namespace

std::optional<Words> parse(const Command& command, const Words& arguments, Words& warnings) {
  if (command.raw) {
    if (!arguments.empty() && arguments[0] == "--help") return std::nullopt;
    return arguments;
  }
  // After "--" there are no options.
  auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  auto usual = usual_spellings(command, {arguments.begin(), dashes}, warnings);

  CLI::App app;
  app.set_help_flag();
  bool asked_for_help = false;
  app.add_flag(find_option(command, "-h") != nullptr ? "--help" : "-h,--help", asked_for_help);
  std::vector<std::pair<const Option*, CLI::Option*>> known;
  for (const auto& option : command.options) {
    auto* made = option.value.empty() ? app.add_flag(option.names) : app.add_option(option.names);
    if (option.value.empty())
      made->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    else
      made->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    known.emplace_back(&option, made);
  }
  // The words are what is left: as a CLI11 list they would have "[a,b]" taken apart.
  app.allow_extras();
  try {
    std::reverse(usual.begin(), usual.end());
    app.parse(std::move(usual));
  } catch (const CLI::Error& error) {
    // What is left after the first pass: "-fx=" and the like.
    throw UsageError(fmt::format("{}.", error.what()));
  }
  // Help wins over a mistake elsewhere, whatever stands where.
  if (asked_for_help) return std::nullopt;
  auto words = app.remaining();
  for (const auto& word : words)
    if (word.starts_with('-') && word.size() > 1) refuse_unknown(command, word);
  for (auto [option, made] : known)
    if (made->count() > 0) store(*option, made->results());
  if (dashes != arguments.end()) words.insert(words.end(), dashes + 1, arguments.end());
  check_count(command, words);
  return words;
}

}  // namespace weave::cmd
