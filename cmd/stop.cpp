// weave stop, stop-router
#include "stop.hpp"
#include "output.hpp"
#include "router/launch.hpp"
#include "router_client.hpp"
#include "rows.hpp"
#include "text.hpp"

namespace weave::cmd {

bool stop_router(bool remove_network) {
  http::Fields form;
  if (remove_network) form.emplace_back("remove-network", "true");
  bool told = false, held = false;
  auto tell = [&] {
    if (told) return;
    try {
      auto warnings = router_client(Door::kSocket).ask("DELETE", "/router", form);
      told = true;
      for (const auto& line : lines_of(warnings)) say(line);
    } catch (const control::NotRunning&) {  // on its way out, or only just coming up
    } catch (const http::HungUp&) {         // to answer is the last thing that it does
      told = true;
    }
  };
  tell();
  held = told || router::router_holds_host();
  if (held && !router::wait_until_stopped(tell))
    throw Error("the router hasn't stopped within 15 s", "see what it is doing with 'weave logs'");
  return held;
}

namespace {

// Docker's network stays: a stopped container that belongs to it could never be started again.
Command row(const std::string& name, const std::string& summary) {
  Command command{.name = name, .group = "Launching", .summary = summary};
  command.details =
      "Containers keep their addresses and reach each other on this host; what the router knows is kept for the next "
      "launch.";
  command.max_words = 0;
  command.run = [](const Words&) {
    if (!stop_router(false)) say("Weave is not running.");
    return kDone;
  };
  return command;
}

}  // namespace

Command stop_row() {
  return row("stop", "Stop the plugin, the DNS server and the router");
}

Command stop_router_row() {
  return row("stop-router", "The same as stop");
}

}  // namespace weave::cmd
