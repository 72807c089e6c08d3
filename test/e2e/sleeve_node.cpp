// As much of a router as sleeve needs: a mesh node whose sleeve carries a bridge's frames. For tests and benchmarks of
// the data path by itself.
//
//     sleeve_node NAME BRIDGE [--password P] [--report FILE] [--no-discovery] [PEER...]
//
// The report is written anew every 200 ms: a line for each connection ("peer state overlay mtu reason"), each MAC and
// each count.
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdio>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "node/node.hpp"

namespace {

using namespace weave;
namespace asio = boost::asio;

std::string report(mesh::Node& node) {
  std::string out;
  for (const auto& row : node.status().connections)
    out += fmt::format("connection {} {} {} {} {}\n", row.peer.str(), row.state, row.overlay, row.mtu.value_or(0),
                       row.reason);
  for (const auto& [to, hop] : node.status().mesh.unicast_routes)
    out += fmt::format("route {} {}\n", to.str(), hop.str());
  auto state = node.sleeve()->diagnostics();
  for (const auto& entry : state.macs) out += fmt::format("mac {} {}\n", entry.mac.str(), entry.peer.str());
  auto flow = [&](const char* name, const overlay::SleeveDiagnostics::Flow& count) {
    out += fmt::format("{} {} packets {} bytes\n", name, count.packets, count.bytes);
  };
  flow("captured", state.captured);
  flow("injected", state.injected);
  flow("sent", state.sent);
  flow("received", state.received);
  flow("relayed", state.relayed);
  for (const auto& [reason, count] : state.dropped_sending) out += fmt::format("drop sending {} {}\n", reason, count);
  for (const auto& [reason, count] : state.dropped_receiving)
    out += fmt::format("drop receiving {} {}\n", reason, count);
  return out;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3) throw Error("usage: sleeve_node NAME BRIDGE [--password P] [--report FILE] [--no-discovery] [PEER...]");
  mesh::NodeConfig config{.name = PeerName::parse(argv[1]).value(), .nickname = argv[1]};
  std::string file;
  std::vector<std::string> peers;
  for (int i = 3; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "--password" && i + 1 < argc)
      config.password = Secret(std::string_view(argv[++i]));
    else if (word == "--report" && i + 1 < argc)
      file = argv[++i];
    else if (word == "--no-discovery")
      config.discovery = false;
    else
      peers.push_back(word);
  }
  asio::io_context io(1);
  mesh::Node node(io.get_executor(), config);
  node.start();
  node.sleeve()->start(argv[2]);
  for (const auto& reason : node.connect(peers)) log::error("{}", reason);
  asio::steady_timer timer(io);
  std::function<void(boost::system::error_code)> again = [&](boost::system::error_code) {
    if (!file.empty()) replace_file(file, report(node));
    timer.expires_after(std::chrono::milliseconds(200));
    timer.async_wait(again);
  };
  again({});
  asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](boost::system::error_code, int) {
    node.stop();
    io.stop();
  });
  io.run();
} catch (const std::exception& error) {
  std::fprintf(stderr, "sleeve_node: %s\n", error.what());
  return 1;
}
