// weave launch, launch-router
#include <unistd.h>

#include "base/version.hpp"
#include "host/identity.hpp"
#include "launch_options.hpp"
#include "output.hpp"
#include "router/last_launch.hpp"
#include "router/launch.hpp"
#include "rows.hpp"

namespace weave::cmd {
namespace {

std::string own_name(const LaunchGiven& given) {
  if (given.name) return *given.name;
  auto name = host::peer_name(given.bridge.value_or("weave"));
  if (!name) throw Error("cannot derive a peer name: this machine has no id", "give one with --name");
  return name->str();
}

int launch(const LaunchGiven& given, const Words& peers, const std::string& command, bool with_plugin) {
  if (given.version) {
    out(std::string("weave ") + kVersion + "\n");
    return kDone;
  }
  if (given.print_peer_name) {
    out(own_name(given) + "\n");
    return kDone;
  }
  Words warnings;
  router::Options base;
  if (given.resume && ::geteuid() == 0)
    base = router::last_launch_or_defaults(given.state_dir.value_or(router::last_state_dir()));
  auto options = launch_options(given, peers, warnings, std::move(base));
  if (!with_plugin) options.plugin = false;
  require_root(command);
  for (const auto& line : warnings) say(line);
  // The processes to come are told over a pipe; their environment is none of the password's business.
  ::unsetenv("WEAVE_PASSWORD");
  if (options.foreground) return router::run_foreground(std::move(options));
  auto launched = router::launch(std::move(options));
  for (const auto& line : launched.warnings) say(line);
  if (!given.quiet) out(launched.service_id + "\n");
  return kDone;
}

Command row(const std::string& name, const std::string& summary, bool with_plugin) {
  auto given = std::make_shared<LaunchGiven>();
  Command command{.name = name, .group = "Launching", .summary = summary, .words = "[<peer> ...]"};
  command.details =
      "A peer is <host>[:<port>]. Prints the router's service id. Needs root.\n\n"
      "Options override the environment (WEAVE_PASSWORD, WEAVE_PORT, WEAVE_MTU, WEAVE_NO_FASTDP, WEAVE_HTTP_ADDR, "
      "WEAVE_STATUS_ADDR, WEAVE_NO_PLUGIN, DOCKER_HOST, DOCKER_BRIDGE), which overrides the defaults. --resume uses the stored settings of the last launch in "
      "place of the defaults; of a password only the path of --password-file is stored.";
  command.word_kind = WordKind::kPeer;
  declare_launch_options(command, *given);
  command.run = [given, name, with_plugin](const Words& peers) { return launch(*given, peers, name, with_plugin); };
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
