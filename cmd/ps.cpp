// weave ps
#include <unistd.h>

#include "host/expose.hpp"
#include "host/netlink.hpp"
#include "output.hpp"
#include "router/attached.hpp"
#include "router/last_launch.hpp"
#include "router_client.hpp"
#include "rows.hpp"
#include "text.hpp"

namespace weave::cmd {
namespace {

constexpr size_t kShortId = 12;
constexpr const char* kHost = "weave:expose";

// "<container> <mac> <cidr> ..." lines, from the router or, without one, from Docker and the kernel, which takes root.
Words attached(const std::optional<control::Client>& client, const std::string& bridge, const Words& containers) {
  if (client) {
    http::Fields form;
    for (const auto& container : containers) form.emplace_back("container", container);
    return lines_of(client->ask("GET", "/attached", form));
  }
  if (::geteuid() != 0) throw control::NotRunning();
  Words lines;
  for (const auto& one : router::attached_blocking(containers, bridge)) {
    auto line = one.container + " " + one.mac;
    for (const auto& cidr : one.cidrs) line += " " + cidr.str();
    lines.push_back(line);
  }
  return lines;
}

std::string host_line(const std::string& bridge) {
  auto link = host::Netlink().find_link(bridge);
  if (!link) throw Error("weave is not set up on this host", "start it with 'weave launch'");
  auto line = fmt::format("{} {}", kHost, link->mac.str());
  for (const auto& cidr : host::bridge_addresses(bridge)) line += " " + cidr.str();
  return line + "\n";
}

// The container's id replaced by `shown`, cut.
std::string container_line(const std::string& line, const std::string& shown) {
  return shown.substr(0, kShortId) + line.substr(std::min(line.find(' '), line.size())) + "\n";
}

int services(const control::Client& client) {
  auto report = report_of(client);
  auto state = [](const std::string& text) { return text.empty() ? "running" : text; };
  std::string text = fmt::format("router {} {}\n", report.router.service_id, report.ready ? "running" : "starting");
  if (report.dns) text += fmt::format("dns - {}\n", state(report.dns->state));
  if (report.plugin) text += fmt::format("plugin {} {}\n", report.plugin->service_id, state(report.plugin->state));
  out(text);
  return kDone;
}

int ps(const Words& words, bool want_services) {
  std::optional<control::Client> client = router_client(Door::kSocket);
  if (want_services) return services(*client);
  std::string bridge;
  try {
    bridge = bridge_of(report_of(*client));
  } catch (const control::NotRunning&) {
    client.reset();
    bridge = router::last_launch_or_defaults().bridge;
  }
  std::string text;
  if (words.empty()) {
    text = host_line(bridge);
    for (const auto& line : attached(client, bridge, {})) text += container_line(line, line.substr(0, line.find(' ')));
  }
  for (const auto& word : words) {
    if (word == kHost) {
      text += host_line(bridge);
      continue;
    }
    auto lines = attached(client, bridge, {word});
    if (lines.empty()) throw Error(fmt::format("{} is not attached", word));
    for (const auto& line : lines) text += container_line(line, word);
  }
  out(text);
  return kDone;
}

}  // namespace

Command ps_row() {
  auto services = std::make_shared<bool>();
  Command command{
      .name = "ps", .group = "Containers", .summary = "List attached containers", .words = "[<container> ...]"};
  command.details =
      "A line each: id, MAC and addresses. Without arguments: all, after a line 'weave:expose' with the bridge's MAC "
      "and "
      "this host's own addresses. Works without a router, too, for root.";
  command.options = {{"--services", "", "list weave's processes instead: name, service id, state", services.get()}};
  command.word_kind = WordKind::kContainer;
  command.run = [services](const Words& words) { return ps(words, *services); };
  return command;
}

}  // namespace weave::cmd
