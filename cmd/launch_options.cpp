#include "launch_options.hpp"

#include <sys/stat.h>

#include <filesystem>

#include "base/fd.hpp"
#include "router_client.hpp"
#include "text.hpp"

namespace weave::cmd {
namespace {

using settings::Settings;

std::string read_password(const std::string& file, bool check_mode) {
  struct stat found {};
  if (check_mode && ::stat(file.c_str(), &found) == 0 && (found.st_mode & (S_IRGRP | S_IROTH | S_IWGRP | S_IWOTH)))
    throw Error(
        fmt::format("--password-file: other users can read or write {} (mode {:03o})", file, found.st_mode & 0777),
        fmt::format("chmod 600 {}, or give --allow-readable-password-file", file));
  auto text = read_file(file);
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  if (text.empty()) throw Error(fmt::format("--password-file: {} is empty", file));
  return text;
}

// Of the password of a stored launch only the path of the file is known.
void load_password(Settings& settings) {
  if (!settings.password_file.empty()) {
    settings.password_file = std::filesystem::absolute(settings.password_file);
    settings.password = Secret(read_password(settings.password_file, !settings.any_password_file_mode));
  } else if (settings.encrypted && settings.password.empty()) {
    throw Error("the last launch had a password, which is not stored",
                "give it again with --password-file or WEAVE_PASSWORD");
  }
  settings.encrypted = !settings.password.empty();
}

void warn_of_environment(Words& warnings) {
  for (auto name : {"WEAVE_DOCKER_ARGS", "WEAVEPROXY_DOCKER_ARGS", "WEAVEPLUGIN_DOCKER_ARGS", "WEAVEEXEC_DOCKER_ARGS"})
    if (non_empty_environment(name))
      warnings.push_back(fmt::format("Warning: {} is ignored: weave does not run in a container", name));
}

// Options of Weave Net that weave doesn't have: why.
std::map<std::string, std::string> unsupported() {
  std::map<std::string, std::string> reasons{
      {"--awsvpc", "routes in an AWS VPC are not supported."},
      {"--profile", "there is no built-in profiler; use perf."},
      {"--iface", "the router finds its interface itself; --weave-bridge names the bridge."},
      {"--expect-npc", "weave has no controller of Kubernetes' network policies, so they would not be enforced."}};
  for (auto name : {"--token", "--peer-discovery-url", "--advertise-address"})
    reasons[name] = "Weave Cloud no longer exists; name the peers instead.";
  for (auto name : {"--plugin-v2", "--plugin-v2-multicast"})
    reasons[name] = "not supported: weave starts its plugin itself.";
  for (auto name : {"--host-root", "--proc-path"}) reasons[name] = "not supported: weave does not run in a container.";
  for (auto& [name, reason] : reasons) reason = name + ": " + reason;
  return reasons;
}

}  // namespace

void declare_launch_options(Command& command, settings::Given& given) {
  Words variables, ignored;
  for (const auto& row : settings::table()) {
    if (!row.variable.name.empty()) variables.push_back(row.variable.name);
    if (row.show == settings::Show::kIgnored) ignored.push_back(row.name());
    if (row.names.empty()) continue;
    command.options.push_back(
        {.names = row.names,
         .value = row.value,
         .help = row.help,
         .target = [&given, name = row.name()](const Words& texts) { given.options[name] = texts; },
         .show = row.show == settings::Show::kListed ? Show::kListed : Show::kHidden,
         .choices = row.choices});
    for (const auto& old : row.old_names) command.renamed[old] = row.name();
  }
  command.foreign = unsupported();
  command.details += fmt::format(
      "\n\nOptions override the environment ({}), which overrides the defaults. --resume uses the stored settings of the last launch in place of the defaults; of a password only the path of --password-file is stored."
      "\n\nAccepted for compatibility, without effect: {}.",
      joined(variables, ", "), joined(ignored, ", "));
}

Settings launch_settings(const settings::Given& given, Words& warnings, Settings base) {
  warn_of_environment(warnings);
  if (environment("WEAVE_PASSWORD") == "" && !given.has("--password") && !given.has("--password-file"))
    throw Error("WEAVE_PASSWORD is empty", "unset it to launch without encryption");
  auto made = settings::read(given, non_empty_environment, std::move(base), warnings);
  load_password(made);
  if (made.docker && !made.docker_api.is_unix() && non_empty_environment("DOCKER_TLS_VERIFY"))
    throw Error(fmt::format("DOCKER_TLS_VERIFY asks for TLS to Docker at {}, which weave does not speak",
                            made.docker_api.str()),
                "use Docker's unix socket: --docker-api unix:///var/run/docker.sock");
  return made;
}

}  // namespace weave::cmd
