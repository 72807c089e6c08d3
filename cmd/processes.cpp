// Hidden: the processes that launch starts. They take no words; all that they need comes through pipes.
#include "router/launch.hpp"
#include "rows.hpp"

namespace weave::cmd {

std::vector<Command> process_rows() {
  std::vector<Command> rows;
  for (auto [name, body] :
       {std::pair("monitor", &router::run_monitor_process), std::pair("router", &router::run_router_process),
        std::pair("dns-server", &router::run_dns_process), std::pair("plugin-server", &router::run_plugin_process)}) {
    Command command{.name = name, .group = "", .summary = "A process that 'weave launch' starts"};
    command.max_words = 0;
    command.run = [run = body](const Words&) { return run(); };
    rows.push_back(std::move(command));
  }
  return rows;
}

}  // namespace weave::cmd
