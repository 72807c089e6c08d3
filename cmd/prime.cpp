// weave prime
#include "output.hpp"
#include "router_client.hpp"
#include "rows.hpp"

namespace weave::cmd {

Command prime_row() {
  auto timeout = std::make_shared<int>();
  Command command{.name = "prime", .group = "Peers", .summary = "Wait until addresses can be allocated"};
  command.options = {timeout_option(*timeout)};
  command.max_words = 0;
  command.run = [timeout](const Words&) {
    auto answer = patient_call(router_client(), "GET", "/ring", {}, *timeout);
    if (answer.status == 404) throw Failure("IPAM is disabled", kFeatureOff);
    require_good(answer);
    return kDone;
  };
  return command;
}

}  // namespace weave::cmd
