// weave reset
#include <thread>

#include "output.hpp"
#include "router/last_launch.hpp"
#include "router/reset.hpp"
#include "router_client.hpp"
#include "rows.hpp"
#include "stop.hpp"
#include "supervise/lock.hpp"

namespace weave::cmd {
namespace {

struct ResetGiven {
  bool force = false;
  std::optional<std::string> state_dir;
};

// Gives our addresses to another peer, and waits until the message is sent. A failure doesn't end the reset.
void leave() {
  try {
    router_client(Door::kSocket).ask("DELETE", "/peer", {}, std::chrono::seconds(10));
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  } catch (const Error&) {
  }
}

int reset(const ResetGiven& given) {
  require_root("reset");
  auto state_dir = given.state_dir.value_or(router::last_state_dir());
  if (supervise::weave_runs()) {
    if (!given.force) leave();
    stop_router(true);
  } else if (!given.force && router::has_state(state_dir)) {
    throw Error("ERROR: weave is not running; unable to remove from cluster.",
                "Re-launch weave before reset or use --force to override.");
  }
  WaitNotice notice("Waiting for Docker and the kernel to remove networks, interfaces and rules ...");
  router::remove_everything(state_dir);
  return kDone;
}

}  // namespace

Command reset_row() {
  auto given = std::make_shared<ResetGiven>();
  Command command{
      .name = "reset", .group = "Launching", .summary = "Leave the network and remove everything from this host"};
  command.details =
      "Hands the addresses of this host to another peer, stops the router, and removes interfaces, firewall rules and "
      "stored data. Containers lose their connection. Needs root.";
  command.options = {
      {"--force", "", "also when the router is not running; its addresses then stay with this peer", &given->force},
      {"--state-dir", "<directory>", "directory of persistent state (default: that of the last launch)",
       &given->state_dir},
  };
  command.max_words = 0;
  command.run = [given](const Words&) { return reset(*given); };
  return command;
}

}  // namespace weave::cmd
