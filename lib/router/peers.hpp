// This router as a peer of the mesh: the node, and the peers that the user named.
#pragma once
#include <string>
#include <vector>

#include "base/asio.hpp"
#include "control/metrics.hpp"
#include "control/report.hpp"
#include "node/node.hpp"
#include "store/store.hpp"

namespace weave::router {

class Peers {
 public:
  struct Config {
    mesh::NodeConfig node;
    std::vector<std::string> peers;  // as the user named them at this launch
    bool resume = false;             // use the stored ones instead
    std::string launch;              // service id of this launch
  };

  // Throws Error for a configuration that cannot be.
  Peers(asio::any_io_executor executor, Store& store, Config config, mesh::NodeHooks hooks)
      : store_(store), config_(std::move(config)), node_(executor, config_.node, std::move(hooks)) {}
  Peers(const Peers&) = delete;

  mesh::Node& node() { return node_; }

  // Connects to the peers of this launch, or to the stored ones: with `resume`, and after a crash (there may have been
  // changes since the launch). Returns a sentence for each that cannot be used. After node().start().
  std::vector<std::string> connect_initial();
  // As mesh::Node has them; the changed list is stored.
  std::vector<std::string> connect(const std::vector<std::string>& peers, bool replace);
  void forget(const std::vector<std::string>& peers);

  bool knows(PeerName peer) const { return node_.mesh().peers().find(peer) != nullptr; }

  void count(control::Counters& counters) const;
  // `fast_datapath`: peers without short ID get no frames then, and the report says so.
  void report(control::Router& router, bool fast_datapath) const;

 private:
  std::vector<std::string> initial_targets();
  void store_targets();

  Store& store_;
  Config config_;
  mesh::Node node_;
};

}  // namespace weave::router
