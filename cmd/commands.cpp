// The table of commands, in the order in which they are listed.
#include "rows.hpp"

namespace weave::cmd {

std::vector<Command> commands() {
  std::vector<Command> table{
      launch_row(),      launch_router_row(), launch_plugin_row(), stop_row(),
      stop_router_row(), stop_plugin_row(),   reset_row(),         attach_row(),
      detach_row(),      run_row(),           start_row(),         restart_row(),
      ps_row(),          dns_args_row(),      dns_add_row(),       dns_remove_row(),
      dns_lookup_row(),  expose_row(),        hide_row(),          docker_bridge_ip_row(),
      bridge_type_row(), attach_bridge_row(), connect_row(),       forget_row(),
      rmpeer_row(),      prime_row(),         ipam_row(),          status_row(),
      report_row(),      logs_row(),          version_row(),       peer_name_row(),
      help_row(),        setup_row(),         setup_cni_row(),     env_row(),
      config_row(),      launch_proxy_row(),  generate_row(),
  };
  for (auto rows : {former_rows(), process_rows()})
    for (auto& row : rows) table.push_back(std::move(row));
  return table;
}

}  // namespace weave::cmd
