// Connections to other peers. This version of the router works alone: it says so instead of pretending.
#include "router/router.hpp"

namespace weave::router {

void Router::check_peers() {
  if (!options_.peers.empty()) throw Error("this version of weave can't connect to peers yet", "launch without peers");
}

std::vector<std::string> Router::connect(const std::vector<std::string>& peers, bool) {
  if (peers.empty()) return {};
  return {"this version of weave can't connect to peers yet"};
}

void Router::forget(const std::vector<std::string>&) {}

}  // namespace weave::router
