// weave ipam
#include "output.hpp"
#include "router_client.hpp"
#include "rows.hpp"
#include "text.hpp"

namespace weave::cmd {
namespace {

const Words kActions{"diff", "repair"};

struct Given {
  bool rejoin = false, force = false;
};

int ipam(const Given& given, const Words& words) {
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
  auto given = std::make_shared<Given>();
  Command command{.name = "ipam",
                  .group = "Peers",
                  .summary = "Explain and mend what doesn't fit between the peers' addresses",
                  .words = joined(kActions, "|")};
  command.details =
      "'diff' prints a line for each thing that is wrong as seen from this peer, with what to do about it: peers that "
      "shared out the range separately, addresses in use here that belong to others, owners that can't be reached. "
      "Exit status 0 and no output when nothing is wrong, 1 otherwise.\n\n"
      "'repair' asks other peers for the addresses that are in use here though they belong to them. With --rejoin, on "
      "the peers of the smaller of two groups that can't be merged, this peer gives up its share of the addresses and "
      "takes part in the other group; containers keep their addresses, and 'diff' names those that the other group "
      "has in use, too. Until the other group is connected, no address is given out.";
  command.options = {
      {"--rejoin", "", "give up our share for that of a group that was divided apart", &given->rejoin},
      {"--force", "", "with --rejoin: also when others of our group can be reached", &given->force},
  };
  command.min_words = 1;
  command.max_words = 1;
  command.word_kind = WordKind::kChoice;
  command.choices = kActions;
  command.run = [given](const Words& words) { return ipam(*given, words); };
  return command;
}

}  // namespace weave::cmd
