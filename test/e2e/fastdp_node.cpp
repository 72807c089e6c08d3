// A router that is nothing but a mesh node and its fast datapath: what lib/router wires up, in little.
// Arguments: peer name, direct|bridge, password or "-", targets... Writes its connections to /run/connections whenever
// they may have changed. Ends with SIGTERM, and leaves the kernel's part working. SIGUSR1: writes counters to
// /run/counters. REKEY_AFTER in the environment: packets after which peers get new keys. `fastdp_node remove` removes
// everything.
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdio>

#include "base/fd.hpp"
#include "node/data_topology.hpp"

namespace asio = boost::asio;
using namespace weave;

int main(int argc, char** argv) try {
  if (argc == 2 && std::string(argv[1]) == "remove") return overlay::FastDatapath::remove(), 0;
  if (argc < 4) return 2;
  asio::io_context io;
  mesh::NodeConfig config;
  config.name = PeerName::parse(argv[1]).value();
  config.nickname = argv[1];
  config.overlays = {"fastdp", "sleeve"};
  if (std::string(argv[3]) != "-") config.password = Secret(std::string_view(argv[3]));

  overlay::FastDatapathConfig wanted;
  wanted.mode = std::string(argv[2]) == "bridge" ? overlay::FastMode::kBridge : overlay::FastMode::kDirect;
  wanted.port = static_cast<uint16_t>(config.port + 1);
  wanted.encrypted = !config.password.empty();
  if (const char* packets = std::getenv("REKEY_AFTER")) wanted.rekey_after = std::stoull(packets);
  overlay::FastDatapath datapath(io.get_executor(), wanted);
  config.short_id = datapath.adopted_short_id();

  std::unique_ptr<mesh::Node> node;
  auto changed = [&] {
    if (!node) return;
    datapath.update(mesh::data_topology(*node));
    std::string out;
    for (const auto& row : node->status().connections)
      out += fmt::format("{} {} {} {}\n", row.state, row.overlay, row.peer.str(), row.reason);
    replace_file("/run/connections", out);
  };
  mesh::NodeHooks hooks;
  hooks.topology_changed = hooks.routes_changed = hooks.short_ids_changed = hooks.connections_changed = changed;
  hooks.make_forwarder = [&](const std::string& overlay, const overlay::Link& link, std::function<void()> news) {
    return overlay == "fastdp" ? datapath.make(link, std::move(news))
                               : Result<std::unique_ptr<overlay::Forwarder>>(Refused("no such overlay"));
  };
  node = std::make_unique<mesh::Node>(io.get_executor(), config, hooks);
  node->start();
  node->connect(std::vector<std::string>(argv + 4, argv + argc));
  changed();
  asio::signal_set signals(io, SIGTERM);
  signals.async_wait([&](auto, int) { io.stop(); });
  asio::signal_set asked(io, SIGUSR1);
  std::function<void(boost::system::error_code, int)> tell = [&](auto code, int) {
    if (code) return;
    std::string out;
    for (const auto& counter : datapath.status().counters)
      out += fmt::format("{}{} {}\n", counter.dropped ? "drop_" : "", counter.name, counter.frames);
    replace_file("/run/counters", out);
    asked.async_wait(tell);
  };
  asked.async_wait(tell);
  io.run();
  node->stop();
  node.reset();
  return 0;
} catch (const std::exception& error) {
  fprintf(stderr, "fastdp_node: %s\n", error.what());
  return 1;
}
