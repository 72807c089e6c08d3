// From words to an exit status: finds the command, has its words parsed, runs it, and says what went wrong.
#include "base/log.hpp"
#include "command.hpp"
#include "control/client.hpp"
#include "output.hpp"
#include "router_client.hpp"
#include "supervise/lock.hpp"

namespace weave::cmd {
namespace {

void explain(const Error& error) {
  say(error.what());
  if (!error.hint().empty()) say(sentence(error.hint()));
}

const Command* find(const std::vector<Command>& table, const std::string& name) {
  for (const auto& command : table)
    if (command.name == name) return &command;
  return nullptr;
}

int run(const Command& command, const Words& arguments) {
  try {
    Words warnings;
    auto words = parse(command, arguments, warnings);
    if (!words) {
      out(help(command));
      return kDone;
    }
    for (const auto& line : warnings) say(line);
    return command.run(*words);
  } catch (const UsageError& error) {
    explain(error);
    say("See 'weave {} --help'.", command.name);
  } catch (const control::NotRunning&) {
    auto why = why_not_running();
    say("{}.", why.what());
    say(sentence(why.hint()));
    return kNotRunning;
  } catch (const supervise::AlreadyRunning& error) {
    explain(error);
    return error.conflict() == supervise::AlreadyRunning::What::kRouter ? kAlreadyRunning : kForeignContainer;
  } catch (const Failure& error) {
    explain(error);
    return error.exit_code();
  } catch (const Error& error) {
    explain(error);
  } catch (const std::exception& error) {
    say(error.what());
  }
  return kFailed;
}

}  // namespace

Error unknown_command(const std::string& name) {
  Words names;
  for (const auto& command : commands())
    if (!command.group.empty()) names.push_back(command.name);
  // Not the opposite: "start-plugin" is nearer to "stop-plugin" than to "launch-plugin".
  auto near = did_you_mean(name.starts_with("start-") ? "launch-" + name.substr(6) : name, names);
  return Error(
      fmt::format("Unknown weave command '{}'{}", name, near ? fmt::format("; did you mean 'weave {}'?", *near) : ""),
      "See 'weave help'");
}

int run_command_line(Words words) {
  if (const char* debug = std::getenv("WEAVE_DEBUG"); debug != nullptr && *debug != '\0')
    log::set_level(log::Level::kDebug);
  if (!words.empty() && words[0] == "--local") words.erase(words.begin());
  auto table = commands();
  if (words.empty()) {
    auto text = overview();
    say(text.substr(0, text.size() - 1));
    return kFailed;
  }
  auto name = words[0];
  words.erase(words.begin());
  if (name == "--help" || name == "-h") name = "help";
  if (name == "--version" || name == "-v") name = "version";
  const auto* command = find(table, name);
  if (command != nullptr) return run(*command, words);
  explain(unknown_command(name));
  return kFailed;
}

}  // namespace weave::cmd
