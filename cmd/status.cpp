// weave status
#include "output.hpp"
#include "router_client.hpp"
#include "rows.hpp"
#include "text.hpp"

namespace weave::cmd {
namespace {

const Words kParts{"targets", "connections", "peers", "dns", "ipam", "plugin"};

int status(const Words& words) {
  if (!words.empty() && words[0] == "proxy") throw Error("weave has no Docker API proxy");
  if (!words.empty() && std::find(kParts.begin(), kParts.end(), words[0]) == kParts.end())
    throw UsageError(fmt::format("Invalid 'weave status' sub-command: {}", words[0]));
  try {
    auto text = router_client().ask("GET", words.empty() ? "/status" : "/status/" + words[0], {}, kResponseLimit);
    out(words.empty() ? "\n" + text + "\n" : text);
    return kDone;
  } catch (const control::NotRunning&) {
    auto why = why_not_running();
    throw Failure(fmt::format("{}.", why.what()), kFailed, why.hint());  // scripts ask `if weave status`
  }
}

}  // namespace

Command status_row() {
  Command command{.name = "status",
                  .group = "Inspect",
                  .summary = "Show the status of router, peers, IPAM, DNS and plugin",
                  .words = "[" + joined(kParts, "|") + "]"};
  command.details = "Exits with 0 only if weave is running.";
  command.max_words = 1;
  command.word_kind = WordKind::kChoice;
  command.choices = kParts;
  command.run = status;
  return command;
}

}  // namespace weave::cmd
