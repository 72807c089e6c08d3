// weave env, config, launch-proxy, stop-proxy: the Docker API proxy of Weave Net, which this version doesn't have; and
// commands of Weave Net 1.x whose work 'weave launch' does.
#include "output.hpp"
#include "router_client.hpp"
#include "rows.hpp"

namespace weave::cmd {
namespace {

int no_proxy(const Words&) {
  throw Error("weave has no Docker API proxy",
              "use the network 'weave' (docker run --net=weave), or 'weave run' and 'weave attach'");
}

int env(bool restore) {
  if (!restore) return no_proxy({});
  auto original = environment("ORIG_DOCKER_HOST");
  if (!original)
    throw Error(
        "Nothing to restore. This is most likely because there was no preceding invocation of 'eval $(weave env)' in "
        "this shell.");
  out("DOCKER_HOST=" + *original + "\n");
  return kDone;
}

Command proxy_row(const std::string& name) {
  Command command{.name = name, .group = "", .summary = "Not available: weave has no Docker API proxy"};
  command.raw = true;
  command.run = no_proxy;
  return command;
}

}  // namespace

Command env_row() {
  auto restore = std::make_shared<bool>();
  Command command{.name = "env", .group = "Other", .summary = "Restore DOCKER_HOST after Weave Net's API proxy"};
  command.details = "For eval \"$(weave env --restore)\". There is no proxy in this version, so nothing else to set.";
  command.options = {{"--restore", "", "print the shell's former DOCKER_HOST", restore.get()}};
  command.max_words = 0;
  command.run = [restore](const Words&) { return env(*restore); };
  return command;
}

Command config_row() {
  return proxy_row("config");
}

Command launch_proxy_row() {
  return proxy_row("launch-proxy");
}

std::vector<Command> former_rows() {
  // Scripts of Weave Net 1.x call them one after the other, some with `set -e`.
  auto row = [](const std::string& name, const std::string& text) {
    Command command{.name = name, .group = "", .summary = text};
    command.raw = true;
    command.run = [text](const Words&) {
      say("{}.", text);
      return kDone;
    };
    return command;
  };
  return {row("stop-proxy", "Nothing to stop: weave has no Docker API proxy"),
          row("launch-dns", "Nothing to do: 'weave launch' starts the DNS server"),
          row("stop-dns", "Nothing to do: 'weave stop' ends the DNS server"),
          row("create-bridge", "Nothing to do: 'weave launch' creates the bridge"),
          row("attach-router", "Nothing to do: 'weave launch' connects the router to the bridge")};
}

}  // namespace weave::cmd
