// The rows of the table of commands; each is defined in the file that is named like it or
// like its family.
#pragma once
#include "command.hpp"

namespace weave::cmd {

Command launch_row();
Command launch_router_row();
Command launch_plugin_row();
Command launch_proxy_row();
Command stop_row();
Command stop_router_row();
Command stop_plugin_row();
Command reset_row();

Command attach_row();
Command detach_row();
Command run_row();
Command start_row();
Command restart_row();
Command ps_row();

Command dns_args_row();
Command dns_add_row();
Command dns_remove_row();
Command dns_lookup_row();

Command expose_row();
Command hide_row();
Command docker_bridge_ip_row();
Command bridge_type_row();
Command attach_bridge_row();

Command connect_row();
Command forget_row();
Command rmpeer_row();
Command prime_row();
Command ipam_row();

Command status_row();
Command report_row();
Command logs_row();
Command version_row();
Command peer_name_row();
Command help_row();

Command setup_row();
Command setup_cni_row();
Command env_row();
Command config_row();
std::vector<Command> former_rows();  // of Weave Net 1.x, whose work other commands do

Command generate_row();
std::vector<Command> process_rows();  // monitor, router, dns-server, plugin-server

// Throws Error unless we are root.
void require_root(const std::string& command);

}  // namespace weave::cmd
