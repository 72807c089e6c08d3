// weave setup, setup-cni: with Weave Net they fetched images and installed CNI files.
#include "output.hpp"
#include "rows.hpp"

namespace weave::cmd {

Command setup_row() {
  Command command{
      .name = "setup", .group = "Other", .summary = "Do nothing; kept for scripts that prepare a host for Weave Net"};
  command.max_words = 0;
  command.run = [](const Words&) {
    require_root("setup");
    say("Nothing to install: weave is a single binary.");
    return kDone;
  };
  return command;
}

Command setup_cni_row() {
  Command command{.name = "setup-cni", .group = "", .summary = "Not available: weave has no CNI plugin"};
  command.max_words = 0;
  command.run = [](const Words&) -> int { throw Error("weave has no CNI plugin"); };
  return command;
}

}  // namespace weave::cmd
