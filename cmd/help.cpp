// Help texts, all made from the table of commands.
#include "command.hpp"
#include "text.hpp"

namespace weave::cmd {
namespace {

constexpr size_t kWidth = 96;

std::string left_of(const Option& option) {
  std::string names = option.names;
  for (size_t at = 0; (at = names.find(',', at)) != std::string::npos; at += 2) names.replace(at, 1, ", ");
  return option.value.empty() ? names : names + " " + option.value;
}

void add_row(std::string& to, const std::string& left, const std::string& right, size_t column) {
  auto lines = wrapped(right, kWidth - column);
  to += "  " + left;
  if (left.size() + 4 > column)
    to += "\n" + std::string(column, ' ');
  else
    to += std::string(column - 2 - left.size(), ' ');
  for (size_t i = 0; i < lines.size(); ++i) to += (i == 0 ? "" : std::string(column, ' ')) + lines[i] + "\n";
  if (lines.empty()) to += "\n";
}

}  // namespace

std::string overview() {
  std::string text = "Usage: weave <command> [<argument> ...]\n";
  auto table = commands();
  Words groups;
  for (const auto& command : table)
    if (!command.group.empty() && std::find(groups.begin(), groups.end(), command.group) == groups.end())
      groups.push_back(command.group);
  for (const auto& group : groups) {
    text += "\n" + group + ":\n";
    for (const auto& command : table)
      if (command.group == group) add_row(text, command.name, command.summary, 20);
  }
  text +=
      "\n<addr> is [ip:]<cidr> (this very address), net:<cidr> (any free one of this subnet) or net:default.\n"
      "'weave <command> --help' says what a command takes; 'man weave' explains it all.\n";
  return text;
}

std::string help(const Command& command) {
  bool has_options = std::any_of(command.options.begin(), command.options.end(),
                                 [](const Option& option) { return option.show == Show::kListed; });
  std::string text = "Usage: weave " + command.name;
  if (has_options) text += " [<option> ...]";
  if (!command.words.empty()) text += " " + command.words;
  text += "\n\n" + command.summary + ".\n";
  for (const auto& paragraph : paragraphs(command.details)) {
    text += "\n";
    for (const auto& line : wrapped(paragraph, kWidth)) text += line + "\n";
  }
  if (!has_options) return text;
  text += "\nOptions:\n";
  for (const auto& option : command.options)
    if (option.show == Show::kListed) add_row(text, left_of(option), option.help, 34);
  return text;
}

}  // namespace weave::cmd
