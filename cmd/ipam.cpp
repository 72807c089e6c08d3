// weave ipam
#include "output.hpp"
#include "router_client.hpp"
#include "rows.hpp"
#include "text.hpp"

namespace weave::cmd {
namespace {

const Words kActions{"diff", "repair"};

struct IpamGiven {
  bool rejoin = false, force = false;
};

int ipam(const IpamGiven& given, const Words& words) {
  const auto& action = words[0];
  if (std::find(kActions.begin(), kActions.end(), action) == kActions.end())
    throw UsageError(fmt::format("Invalid 'weave ipam' sub-command: {}", action));
  if (given.force && !given.rejoin) throw UsageError("--force goes with --rejoin only.");
  if (given.rejoin && action != "repair") throw UsageError("--rejoin goes with 'weave ipam repair' only.");
  auto client = router_client(Door::kSocket);
  if (action == "diff") {
    auto findings = ask_part(client, "IPAM", "GET", "/ipam/diff");
    out(findings);
    return findings.empty() ? kDone : kFailed;
  }
  http::Fields form;
  if (given.rejoin) form.emplace_back("rejoin", "true");
  if (given.force) form.emplace_back("force", "true");
  out(ask_part(client, "IPAM", "POST", "/ipam/repair", form));
  return kDone;
}

}  // namespace

Command ipam_row() {
  auto given = std::make_shared<IpamGiven>();
  Command command{.name = "ipam",
                  .group = "Peers",
                  .summary = "Diagnose and repair inconsistent address ownership",
                  .words = joined(kActions, "|")};
  command.details =
      "'diff' prints one line for each inconsistency that this peer sees, with the remedy: peers that were initialised "
      "separately, addresses in use here that other peers own, owners that are not reachable. Exits with 0 and prints "
      "nothing if there is none, with 1 otherwise.\n\n"
      "'repair' requests from other peers the addresses that are in use here and that they own. With --rejoin, for the "
      "peers of the smaller of two groups that cannot be merged, this peer gives up its ranges and joins the other "
      "group; containers keep their addresses, and 'diff' lists those that the other group uses, too. Until the other "
      "group is connected, no address is allocated.";
  command.options = {
      {"--rejoin", "", "give up this peer's ranges and join another group of peers that was initialised separately",
       &given->rejoin},
      {"--force", "", "with --rejoin: also if other peers of this group are reachable", &given->force},
  };
  command.min_words = 1;
  command.max_words = 1;
  command.word_kind = WordKind::kChoice;
  command.choices = kActions;
  command.run = [given](const Words& words) { return ipam(*given, words); };
  return command;
}

}  // namespace weave::cmd
