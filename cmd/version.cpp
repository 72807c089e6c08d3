// weave version, peer-name, help
#include "base/version.hpp"
#include "host/identity.hpp"
#include "output.hpp"
#include "router_client.hpp"
#include "rows.hpp"

namespace weave::cmd {
namespace {

int version(const Words&) {
  auto text = fmt::format("weave {}\n", kVersion);
  try {
    auto running = report_of(router_client()).version;
    if (running != kVersion) text += fmt::format("router {} (running)\n", running);
  } catch (const Error&) {
    // None runs, or none that we may ask.
  }
  out(text);
  return kDone;
}

int peer_name(const Words&) {
  try {
    out(report_of(router_client()).router.name.str() + "\n");
    return kDone;
  } catch (const control::NotRunning&) {
  }
  auto name = host::peer_name();
  if (!name) throw Error("cannot derive a peer name: this machine has no id", "give one with 'weave launch --name'");
  out(name->str() + "\n");
  return kDone;
}

int show_help(const Words& words) {
  if (words.empty()) {
    out(overview());
    return kDone;
  }
  for (const auto& command : commands()) {
    if (command.name != words[0]) continue;
    out(help(command));
    return kDone;
  }
  throw unknown_command(words[0]);
}

}  // namespace

Command version_row() {
  Command command{.name = "version", .group = "Inspect", .summary = "Print the version"};
  command.max_words = 0;
  command.run = version;
  return command;
}

Command peer_name_row() {
  Command command{.name = "peer-name", .group = "Inspect", .summary = "Print this peer's name"};
  command.details = "Prints the name of the running router, else the name that a router would get.";
  command.max_words = 0;
  command.run = peer_name;
  return command;
}

Command help_row() {
  Command command{.name = "help", .group = "Inspect", .summary = "Explain a command", .words = "[<command>]"};
  command.max_words = 1;
  command.word_kind = WordKind::kCommand;
  command.run = show_help;
  return command;
}

}  // namespace weave::cmd
