#include "router/peers.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "overlay/sleeve/io/datapath.hpp"
#include "unit/temp_dir.hpp"

using namespace weave;
using namespace weave::router;

namespace {

// Launches of one host, one after the other; they share the store.
struct Launches {
  test::TempDir dir;
  Store store{dir / "weave.db"};

  // The targets of a launch, after `change`.
  template <class Change>
  std::vector<std::string> launch(const std::string& id, std::vector<std::string> named, bool resume, Change change) {
    asio::io_context io;
    overlay::SleeveDatapath sleeve(io.get_executor(), PeerName{0x020000000001}, Ipv4{0x7f000001}, 0);
    Peers::Config config{.node = {.name = PeerName{0x020000000001},
                                  .nickname = "h1",
                                  .port = 0,
                                  .host = "127.0.0.1",
                                  .overlays = {&sleeve}},
                         .peers = std::move(named),
                         .resume = resume,
                         .launch = id};
    Peers peers(io.get_executor(), store, std::move(config), {});
    peers.node().start();
    peers.connect_initial();
    change(peers);
    auto targets = peers.node().targets();
    peers.node().stop();
    return targets;
  }
  std::vector<std::string> launch(const std::string& id, std::vector<std::string> named, bool resume = false) {
    return launch(id, std::move(named), resume, [](Peers&) {});
  }
};

using Targets = std::vector<std::string>;

}  // namespace

TEST_CASE("a launch connects to the peers that the user names, and forgets earlier ones") {
  Launches host;
  CHECK(host.launch("a", {"192.0.2.1"}) == Targets{"192.0.2.1"});
  CHECK(host.launch("b", {"192.0.2.2"}) == Targets{"192.0.2.2"});
}

TEST_CASE("--resume connects to the peers of the launch before, with later changes") {
  Launches host;
  host.launch("a", {"192.0.2.1"}, false, [](Peers& peers) {
    peers.connect({"192.0.2.2", "192.0.2.3"}, false);
    peers.forget({"192.0.2.2"});
  });
  CHECK(host.launch("b", {}, true) == Targets{"192.0.2.1", "192.0.2.3"});
}

TEST_CASE("after a crash the changed list is used, not that of the launch") {
  Launches host;
  host.launch("a", {"192.0.2.1"}, false, [](Peers& peers) { peers.connect({"192.0.2.9"}, true); });
  CHECK(host.launch("a", {"192.0.2.1"}) == Targets{"192.0.2.9"});
}

TEST_CASE("--resume without an earlier launch has no peers") {
  Launches host;
  CHECK(host.launch("a", {}, true).empty());
}

TEST_CASE("a damaged list of peers counts as empty") {
  Launches host;
  host.store.put("router", "targets", "{");
  CHECK(host.launch("a", {}, true).empty());
}

TEST_CASE("names that cannot be used are refused, the others connected to") {
  Launches host;
  std::vector<std::string> refused;
  auto targets = host.launch("a", {}, false, [&](Peers& peers) {
    refused = peers.connect({"a b", "192.0.2.1"}, false);
  });
  CHECK(refused.size() == 1);
  CHECK(targets == Targets{"192.0.2.1"});
}
