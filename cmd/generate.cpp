// weave generate completions|man (hidden)
#include "generate.hpp"

#include "base/fd.hpp"
#include "output.hpp"
#include "rows.hpp"
#include "text.hpp"

namespace weave::cmd {
namespace {

constexpr const char* kContainers = "docker ps -a --format '{{.Names}}' 2>/dev/null";
constexpr const char* kPeers = "weave status targets 2>/dev/null";

std::vector<Command> listed() {
  std::vector<Command> out;
  for (auto& command : commands())
    if (!command.group.empty()) out.push_back(std::move(command));
  return out;
}

Words names(const std::vector<Command>& table) {
  Words out;
  for (const auto& command : table) out.push_back(command.name);
  return out;
}

// Names of the listed options; those with a value only, if asked.
Words option_names(const Command& command, bool with_value_only) {
  Words out;
  for (const auto& option : command.options)
    if (option.show == Show::kListed && (!with_value_only || !option.value.empty()))
      for (const auto& name : split(option.names, ',')) out.push_back(name);
  if (!with_value_only) out.push_back("--help");
  return out;
}

// The options whose values can be listed.
std::map<std::string, Words> choices_of(const std::vector<Command>& table) {
  std::map<std::string, Words> out;
  for (const auto& command : table)
    for (const auto& option : command.options)
      if (!option.choices.empty()) out[option.names] = option.choices;
  return out;
}

// What the shell runs to find words, or the words themselves.
std::string words_for(const Command& command, const std::vector<Command>& table) {
  switch (command.word_kind) {
    case WordKind::kNone:
      break;
    case WordKind::kContainer:
      return fmt::format("$({})", kContainers);
    case WordKind::kPeer:
      return fmt::format("$({})", kPeers);
    case WordKind::kChoice:
      return joined(command.choices, " ");
    case WordKind::kCommand:
      return joined(names(table), " ");
  }
  return {};
}

std::string single_quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// For text that troff would take as a request or an escape.
std::string troff(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if (c == '\'' && out.empty())
      out += "\\(aq";
    else
      out += c;
  }
  return out.starts_with('.') ? "\\&" + out : out;
}

std::string troff_option(const Option& option) {
  Words bold;
  for (const auto& name : split(option.names, ',')) bold.push_back("\\fB" + troff(name) + "\\fR");
  return joined(bold, ", ") + (option.value.empty() ? "" : " \\fI" + troff(option.value) + "\\fR");
}

int generate(const Words& words) {
  if (words[0] == "man") {
    if (words.size() > 1)
      replace_file(words[1], man_page_with(read_file(words[1]), man_commands()));
    else
      out(man_commands());
    return kDone;
  }
  if (words[0] != "completions") throw UsageError(fmt::format("Nothing called '{}' can be generated.", words[0]));
  auto shell = words.size() > 1 ? words[1] : "bash";
  if (shell == "bash")
    out(bash_completion());
  else if (shell == "zsh")
    out(zsh_completion());
  else if (shell == "fish")
    out(fish_completion());
  else
    throw UsageError(fmt::format("There are completions for bash, zsh and fish, not for '{}'.", shell));
  return kDone;
}

}  // namespace

std::string bash_completion() {
  auto table = listed();
  std::string text =
      "# bash completion for weave. Made by 'weave generate completions bash'.\n"
      "_weave() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} options= values= words= most=99 i=1\n"
      "  local word given=0 skip=0\n"
      "  COMPREPLY=()\n"
      "  [ \"${COMP_WORDS[1]}\" != --local ] || i=2\n"
      "  if [ \"$COMP_CWORD\" -le \"$i\" ]; then\n";
  text += "    COMPREPLY=($(compgen -W \"" + joined(names(table), " ") + "\" -- \"$cur\"))\n    return\n  fi\n";
  text += "  case ${COMP_WORDS[i]} in\n";
  for (const auto& command : table) {
    text += "    " + command.name + ")\n";
    text += "      options=\"" + joined(option_names(command, false), " ") + "\"\n";
    if (auto values = option_names(command, true); !values.empty())
      text += "      values=\" " + joined(values, " ") + " \"\n";
    if (command.max_words != SIZE_MAX) text += fmt::format("      most={}\n", command.max_words);
    if (auto words = words_for(command, table); !words.empty())
      text += "      [[ $cur == -* ]] || words=\"" + words + "\"\n";
    text += "      ;;\n";
  }
  text +=
      "  esac\n"
      "  for word in \"${COMP_WORDS[@]:i+1:COMP_CWORD-i-1}\"; do\n"
      "    if [ \"$skip\" = 1 ]; then skip=0\n"
      "    elif [[ $values == *\" $word \"* ]]; then skip=1\n"
      "    elif [[ $word != -* ]]; then given=$((given + 1))\n"
      "    fi\n"
      "  done\n"
      "  [ \"$given\" -lt \"$most\" ] || words=\n"
      "  if [[ $values == *\" $prev \"* ]]; then\n"
      "    case $prev in\n";
  for (const auto& [name, choices] : choices_of(table))
    text += "      " + name + ") COMPREPLY=($(compgen -W \"" + joined(choices, " ") + "\" -- \"$cur\")) ;;\n";
  text +=
      "      *) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
      "    esac\n"
      "  elif [[ $cur == -* ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
      "  else\n"
      "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
      "  fi\n"
      "}\n"
      "complete -F _weave weave\n";
  return text;
}

std::string zsh_completion() {
  auto table = listed();
  std::string text =
      "#compdef weave\n"
      "# zsh completion for weave. Made by 'weave generate completions zsh'.\n"
      "local -a weave_commands weave_options\n"
      "weave_commands=(\n";
  for (const auto& command : table) text += "  " + single_quoted(command.name + ":" + command.summary) + "\n";
  text +=
      ")\n"
      "if (( CURRENT == 2 )); then\n"
      "  _describe command weave_commands\n"
      "  return\n"
      "fi\n"
      "local weave_given=0 weave_skip=0 weave_most=99 weave_word\n"
      "local -a weave_values\n"
      "case $words[2] in\n";
  for (const auto& command : table) {
    text += "  " + command.name + ")\n    weave_options=(" + joined(option_names(command, false), " ") + ")\n";
    if (auto values = option_names(command, true); !values.empty())
      text += "    weave_values=(" + joined(values, " ") + ")\n";
    if (command.max_words != SIZE_MAX) text += fmt::format("    weave_most={}\n", command.max_words);
    text += "    ;;\n";
  }
  text +=
      "esac\n"
      "if (( $weave_values[(Ie)$words[CURRENT-1]] )); then\n"
      "  case $words[CURRENT-1] in\n";
  for (const auto& [names, choices] : choices_of(table))
    text += "    " + joined(split(names, ','), "|") + ") compadd -- " + joined(choices, " ") + " ;;\n";
  text +=
      "    *) _files ;;\n"
      "  esac\n"
      "  return\n"
      "fi\n"
      "if [[ $PREFIX == -* ]]; then\n"
      "  compadd -- $weave_options\n"
      "  return\n"
      "fi\n"
      "for weave_word in $words[3,CURRENT-1]; do\n"
      "  if (( weave_skip )); then weave_skip=0\n"
      "  elif (( $weave_values[(Ie)$weave_word] )); then weave_skip=1\n"
      "  elif [[ $weave_word != -* ]]; then (( ++weave_given ))\n"
      "  fi\n"
      "done\n"
      "(( weave_given < weave_most )) || return\n"
      "case $words[2] in\n";
  for (const auto& command : table)
    if (auto words = words_for(command, table); !words.empty())
      text += "  " + command.name + ") compadd -- " + words + " ;;\n";
  text += "esac\n";
  return text;
}

std::string fish_completion() {
  auto table = listed();
  std::string text =
      "# fish completion for weave. Made by 'weave generate completions fish'.\n"
      "function __weave_words_given\n"
      "  set -l words (commandline -opc | string match -v -- '-*')\n"
      "  math (count $words) - 2\n"
      "end\n"
      "complete -c weave -f\n";
  for (const auto& command : table) {
    text += fmt::format("complete -c weave -n __fish_use_subcommand -a {} -d {}\n", command.name,
                        single_quoted(command.summary));
    auto here = fmt::format("complete -c weave -n '__fish_seen_subcommand_from {}'", command.name);
    for (const auto& option : command.options) {
      if (option.show == Show::kHidden) continue;
      text += here;
      for (const auto& name : split(option.names, ','))
        text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      text += option.value.empty() ? "" : option.choices.empty() ? " -r" : " -x";
      if (!option.choices.empty()) text += " -a " + single_quoted(joined(option.choices, " "));
      text += " -d " + single_quoted(option.help) + "\n";
    }
    auto words = words_for(command, table);
    if (words.starts_with("$(")) words = "(" + words.substr(2);
    if (command.max_words != SIZE_MAX)
      here = fmt::format("complete -c weave -n '__fish_seen_subcommand_from {}; and test (__weave_words_given) -lt {}'",
                         command.name, command.max_words);
    if (!words.empty()) text += here + " -a " + (words[0] == '(' ? "\"" + words + "\"" : single_quoted(words)) + "\n";
  }
  return text;
}

std::string man_commands() {
  std::string text, group;
  for (const auto& command : listed()) {
    if (command.group != group) text += ".SS " + troff(command.group) + "\n";
    group = command.group;
    text += ".TP\n\\fBweave " + troff(command.name) + "\\fR";
    if (std::any_of(command.options.begin(), command.options.end(),
                    [](const Option& option) { return option.show == Show::kListed; }))
      text += " [\\fIoption\\fR ...]";
    text += (command.words.empty() ? "" : " " + troff(command.words)) + "\n" + troff(command.summary) + ".\n";
    for (const auto& paragraph : paragraphs(command.details)) text += ".IP\n" + troff(paragraph) + "\n";
    if (command.name == "launch-router") {
      text += ".IP\nThe options are those of \\fBlaunch\\fR.\n";
      continue;
    }
    bool first = true;
    for (const auto& option : command.options) {
      if (option.show == Show::kHidden) continue;
      if (first) text += ".RS\n";
      first = false;
      text += ".TP\n" + troff_option(option) + "\n" + troff(option.help) + "\n";
    }
    if (!first) text += ".RE\n";
  }
  return text;
}

std::string man_page_with(const std::string& page, const std::string& part) {
  auto begin = page.find(kManBegin), end = page.find(std::string("\n") + kManEnd);
  if (begin == page.npos || end == page.npos || end < begin)
    throw Error("the manual page has no lines where the commands belong");
  auto after_begin = page.find('\n', begin) + 1;
  return page.substr(0, after_begin) + part + page.substr(end + 1);
}

Command generate_row() {
  Command command{.name = "generate",
                  .group = "",
                  .summary = "Write completions, or the manual's list of commands",
                  .words = "completions [bash|zsh|fish] | man [<page to change>]"};
  command.min_words = 1;
  command.max_words = 2;
  command.run = generate;
  return command;
}

}  // namespace weave::cmd
