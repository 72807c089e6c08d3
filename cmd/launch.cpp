// weave launch, launch-router
#include <unistd.h>

#include "base/version.hpp"
#include "host/identity.hpp"
#include "launch_options.hpp"
#include "output.hpp"
#include "router/last_launch.hpp"
#include "router/launch.hpp"
#include "router_client.hpp"
#include "rows.hpp"
#include "supervise/lock.hpp"

namespace weave::cmd {
namespace {

struct LaunchGiven {
  settings::Given options;
  bool quiet = false, print_peer_name = false, version = false;
};

// What some options give, over the defaults.
settings::Settings some_of(const settings::Given& given, const Words& options) {
  settings::Settings settings;
  for (const auto& option : options) settings::read_one(option, given, non_empty_environment, settings);
  return settings;
}

std::string own_name(const settings::Given& given) {
  auto settings = some_of(given, {"--name", "--weave-bridge"});
  auto name = settings.name ? settings.name : host::peer_name(settings.bridge);
  if (!name) throw Error("cannot derive a peer name: this machine has no id", "give one with --name");
  return name->str();
}

// The settings that the options of this launch override.
settings::Settings base_of(const settings::Given& given) {
  if (!some_of(given, {"--resume"}).resume || ::geteuid() != 0) return {};
  bool named = given.has("--state-dir");
  return router::last_launch_or_defaults(named ? some_of(given, {"--state-dir"}).state_dir : router::last_state_dir());
}

int launch(const LaunchGiven& given, const std::string& command, bool with_plugin) {
  if (given.version) {
    out(std::string("weave ") + kVersion + "\n");
    return kDone;
  }
  if (given.print_peer_name) {
    out(own_name(given.options) + "\n");
    return kDone;
  }
  Words warnings;
  auto settings = launch_settings(given.options, warnings, base_of(given.options));
  if (!with_plugin) settings.plugin = false;
  require_root(command);
  if (supervise::weave_runs()) throw supervise::already_running();
  if (!settings.encrypted)
    if (auto before = router::last_launch(settings.state_dir); before && before->encrypted)
      warnings.emplace_back("Warning: the last launch had a password, and this one has none: peers with one refuse it");
  // As a unit's main process: systemd ends the whole unit when this command returns.
  if (!settings.foreground && ::getppid() == 1 && environment("INVOCATION_ID"))
    warnings.emplace_back(
        "Warning: systemd will end the router when this command returns; write Type=notify and "
        "ExecStart=weave launch --foreground in the unit");
  for (const auto& line : warnings) say(line);
  // The processes to come are told over a pipe; their environment is none of the password's business.
  ::unsetenv("WEAVE_PASSWORD");
  if (settings.foreground) return router::run_foreground(std::move(settings));
  std::optional<WaitNotice> notice(std::in_place,
                                   "Waiting for the router to start; 'weave logs' shows what it is doing ...");
  auto launched = router::launch(std::move(settings));
  notice.reset();
  for (const auto& line : launched.warnings) say(line);
  if (!given.quiet) out(launched.service_id + "\n");
  return kDone;
}

Command row(const std::string& name, const std::string& summary, bool with_plugin) {
  auto given = std::make_shared<LaunchGiven>();
  Command command{.name = name, .group = "Launching", .summary = summary, .words = "[<peer> ...]"};
  command.details = "A peer is <host>[:<port>]. Prints the router's service id. Needs root.";
  command.word_kind = WordKind::kPeer;
  declare_launch_options(command, given->options);
  command.options.push_back({"-q,--quiet", "", "don't print the service id", &given->quiet});
  command.options.push_back({"--print-peer-name", "", "print the name of this peer and exit", &given->print_peer_name});
  command.options.push_back({"--version", "", "", &given->version, Show::kHidden});
  command.run = [given, name, with_plugin](const Words& peers) {
    given->options.words = peers;
    return launch(*given, name, with_plugin);
  };
  return command;
}

}  // namespace

void require_root(const std::string& command) {
  if (::geteuid() != 0)
    throw Error(fmt::format("weave {} must be run as root (try: sudo weave {} ...)", command, command));
}

Command launch_row() {
  return row("launch", "Start the router, its DNS server and Docker's plugin", true);
}

Command launch_router_row() {
  return row("launch-router", "Start the router and its DNS server, without the plugin", false);
}

}  // namespace weave::cmd
