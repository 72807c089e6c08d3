// weave stop, stop-router
#include "stop.hpp"
#include "output.hpp"
#include "router_client.hpp"
#include "rows.hpp"
#include "supervise/lock.hpp"
#include "text.hpp"

namespace weave::cmd {

constexpr std::chrono::seconds kResponse{4}, kRemoval{10}, kSayAfter{3}, kForceAfter{12}, kStopLimit{15};

bool stop_router(bool remove_network) {
  http::Fields form;
  if (remove_network) form.emplace_back("remove-network", "true");
  using Clock = std::chrono::steady_clock;
  const auto began = Clock::now();
  bool told = false, asked = false, waiting = false, forced = false;
  // The router is asked first: it says what Docker's network kept. Without a router that responds (it is starting, or
  // has crashed and will be restarted) its monitor is told to end.
  auto tell = [&] {
    if (!told) try {
        auto warnings =
            router_client(Door::kSocket).ask("DELETE", "/router", form, remove_network ? kRemoval : kResponse);
        told = true;
        for (const auto& line : lines_of(warnings)) say(line);
      } catch (const control::NotRunning&) {
        told = supervise::stop_monitor();
      } catch (const http::HungUp&) {
        // It may have ended as asked, or crashed before it took the request: the next call tells.
        asked = true;
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::kTimeout) throw;
        say("The router does not respond; its processes are told to end.");
        told = supervise::stop_monitor() || supervise::kill_weave();
      }
    if (Clock::now() - began > kSayAfter && !std::exchange(waiting, true)) say("Waiting for the router to end ...");
    if (Clock::now() - began > kForceAfter && !std::exchange(forced, true)) {
      say("The router did not end, it is killed. Containers stay connected.");
      supervise::kill_weave();
    }
  };
  auto runs = supervise::weave_runs();
  tell();
  runs = runs || told || asked;
  if (runs && !supervise::wait_until_stopped(kStopLimit, tell))
    throw Error(fmt::format("the router has not stopped within {} s", kStopLimit.count()),
                "'weave logs' shows what it is doing");
  return runs;
}

namespace {

// Docker's network stays: a stopped container that belongs to it could not be started again without it.
Command row(const std::string& name, const std::string& summary) {
  Command command{.name = name, .group = "Launching", .summary = summary};
  command.details =
      "Containers keep their addresses, and reach each other on this host and, by the fast datapath, on other hosts; their "
      "names are not resolved. What the router knows is kept for the next launch.";
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
