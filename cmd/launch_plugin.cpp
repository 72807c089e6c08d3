// weave launch-plugin, stop-plugin
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "output.hpp"
#include "router_client.hpp"
#include "rows.hpp"

namespace weave::cmd {
namespace {

struct PluginGiven {
  bool no_restart = false;
  std::optional<std::string> log_level;
};

constexpr std::chrono::seconds kReady{60};

std::string service_id(const std::string& answer) {
  auto json = nlohmann::json::parse(answer, nullptr, false);
  if (!json.is_object() || !json.value("ServiceID", nlohmann::json()).is_string())
    throw Error("cannot parse the router's response to launch-plugin: " + answer);
  return json["ServiceID"];
}

int launch(const PluginGiven& given) {
  if (given.log_level) log::parse_level(*given.log_level);
  auto client = router_client(Door::kSocket);
  bool ran = false;
  std::string answer;
  try {
    ran = report_of(client).plugin.has_value();
    http::Fields form;
    if (given.no_restart) form.emplace_back("no-restart", "true");
    if (given.log_level) form.emplace_back("log-level", *given.log_level);
    answer = client.ask("POST", "/plugin", form, kReady);
  } catch (const control::NotRunning&) {
    throw Error("ERROR: weave must be running before plugin can be launched", "start it with 'weave launch'");
  }
  if (ran) say("weaveplugin is already running; you can stop it with 'weave stop-plugin'.");
  out(service_id(answer) + "\n");
  return kDone;
}

int stop() {
  try {
    auto answer = router_client(Door::kSocket).call("DELETE", "/plugin", {}, kReady);
    if (answer.status != 404) {
      require_good(answer);
      return kDone;
    }
  } catch (const control::NotRunning&) {
  }
  say("Plugin is not running.");
  return kDone;
}

}  // namespace

Command launch_plugin_row() {
  auto given = std::make_shared<PluginGiven>();
  Command command{.name = "launch-plugin", .group = "Launching", .summary = "Start Docker's network plugin"};
  command.details =
      "Serves Docker's drivers weave and weavemesh, makes the network 'weave', and prints the plugin's service id. When it runs already, prints the same id again and leaves it as it is.";
  command.options = {
      {"--no-multicast-route",
       "",
       "accepted for compatibility, without effect: multicast is off unless a network's options say otherwise",
       {}},
      {"--log-level", "<level>", "debug, info, warning or error (default: the router's level)", &given->log_level},
      {"--no-restart", "", "don't restart the plugin after a crash", &given->no_restart},
  };
  command.max_words = 0;
  command.run = [given](const Words&) { return launch(*given); };
  return command;
}

Command stop_plugin_row() {
  Command command{.name = "stop-plugin", .group = "Launching", .summary = "Stop Docker's network plugin"};
  command.details = "Also removes the network 'weave', unless containers use it.";
  command.max_words = 0;
  command.run = [](const Words&) { return stop(); };
  return command;
}

}  // namespace weave::cmd
