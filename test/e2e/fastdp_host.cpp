// A host's fast datapath with a topology told by hand, for tests below the router. Reads commands, a line each:
//
//     connect ID ADDRESS   a connection to a peer, which we accepted; names and connection numbers follow from the ids
//     cut ID               it ends
//     route ID NEXT        frames for ID go to neighbour NEXT
//     flood SOURCE ID...   floods of SOURCE go on to these neighbours
//     clear                forgets routes and floods
//     apply                tells the datapath
//     heard                the ids whose heartbeats have come in
//     status               mode, counters, MAC table
//     quit                 ends, and leaves the kernel's part working
//
// Arguments: our id, our address, direct|bridge [VXLAN port]. `fastdp_host remove` removes everything. Each command is
// answered with "ok" or the reason.
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <cstdio>
#include <iostream>
#include <sstream>

#include "overlay/fastdp/io/datapath.hpp"

using namespace weave;
using namespace weave::overlay;

namespace {

PeerName name_of(uint16_t id) {
  return {0x020000000000u + id};
}

struct Host {
  Host(asio::io_context& context, uint16_t id, Ipv4 at, const FastDatapathConfig& config)
      : io(context), self(id), address(at), datapath(context.get_executor(), config) {
    topology.self = name_of(id);
  }

  void connect(uint16_t id, Ipv4 remote) {
    Link link{.self = name_of(self),
              .remote = name_of(id),
              .remote_label = fmt::format("peer {}", id),
              .conn_uid = uint64_t{std::min(self, id)} << 32 | std::max(self, id),
              .initiator = false,
              .key = {},
              .local = UdpAddress{address, 6783},
              .remote_address = UdpAddress{remote, 40000}};
    topology.ids[name_of(self)] = self;
    topology.ids[name_of(id)] = id;
    apply();
    auto made = datapath.make(link, [this, id] {
      if (!forwarders.at(id)->take_events().control.empty()) heard.insert(id);
    });
    if (!made) throw Error(made.error());
    forwarders[id] = std::move(*made);
    forwarders[id]->confirm(std::chrono::steady_clock::now());
    topology.neighbours[name_of(id)] = kFastdpName;
    topology.next_hop[name_of(id)] = name_of(id);
  }

  void cut(uint16_t id) {
    forwarders.erase(id);
    topology.neighbours.erase(name_of(id));
    topology.next_hop.erase(name_of(id));
  }

  void apply() { datapath.set_topology(std::make_shared<Topology>(topology)); }

  std::string status() {
    auto now = datapath.status();
    auto out = fmt::format("mode {} mtu {} containers {}\n", to_string(now.mode), now.mtu, now.containers);
    for (const auto& counter : now.counters)
      if (counter.frames) out += fmt::format("{}{} {}\n", counter.dropped ? "drop_" : "", counter.name, counter.frames);
    for (const auto& place : now.macs)
      out += fmt::format("mac {} {} {}\n", place.mac.str(), place.peer ? fmt::format("peer {}", *place.peer) : "here",
                         place.container);
    return out;
  }

  std::string run(const std::string& line) {
    std::istringstream in(line);
    std::string verb, word;
    in >> verb;
    uint16_t id = 0;
    if (verb == "connect") {
      in >> id >> word;
      connect(id, Ipv4::parse(word).value());
    } else if (verb == "cut") {
      in >> id;
      cut(id);
    } else if (verb == "route") {
      uint16_t next = 0;
      in >> id >> next;
      topology.ids[name_of(id)] = id;
      topology.next_hop[name_of(id)] = name_of(next);
    } else if (verb == "flood") {
      in >> id;
      auto& list = topology.broadcast[name_of(id)];
      list.clear();
      for (uint16_t neighbour = 0; in >> neighbour;) list.push_back(name_of(neighbour));
    } else if (verb == "clear") {
      topology.next_hop.clear();
      topology.broadcast.clear();
    } else if (verb == "apply") {
      apply();
    } else if (verb == "heard") {
      std::string out;
      for (auto peer : heard) out += fmt::format("{} ", peer);
      return out + "\n";
    } else if (verb == "status") {
      return status();
    } else if (verb == "quit") {
      io.stop();
    } else {
      throw Error("what?");
    }
    return {};
  }

  void tick() {
    auto now = std::chrono::steady_clock::now();
    for (auto& [id, forwarder] : forwarders)
      if (forwarder->next_tick() <= now) forwarder->tick(now);
  }

  asio::io_context& io;
  uint16_t self;
  Ipv4 address;
  FastDatapath datapath;
  Topology topology;
  std::map<uint16_t, std::unique_ptr<Forwarder>> forwarders;
  std::set<uint16_t> heard;
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc == 2 && std::string(argv[1]) == "remove") return FastDatapath::remove(), 0;
  if (argc < 4) return 2;
  asio::io_context io;
  FastDatapathConfig config;
  config.mode = std::string(argv[3]) == "bridge" ? FastMode::kBridge : FastMode::kDirect;
  if (argc > 4) config.port = static_cast<uint16_t>(std::stoi(argv[4]));
  Host host(io, static_cast<uint16_t>(std::stoi(argv[1])), Ipv4::parse(argv[2]).value(), config);
  printf("mode %s%s\n", to_string(host.datapath.mode()), host.datapath.reason().c_str());
  fflush(stdout);
  asio::posix::stream_descriptor input(io, 0);
  asio::streambuf buffer;
  std::function<void()> read = [&] {
    asio::async_read_until(input, buffer, '\n', [&](boost::system::error_code code, size_t) {
      if (code) return io.stop();
      std::istream in(&buffer);
      std::string line;
      std::getline(in, line);
      std::string answer;
      try {
        answer = host.run(line) + "ok\n";
      } catch (const std::exception& error) {
        answer = fmt::format("{}\n", error.what());
      }
      fputs(answer.c_str(), stdout);
      fflush(stdout);
      read();
    });
  };
  read();
  while (!io.stopped()) {
    io.run_for(std::chrono::milliseconds(100));
    host.tick();
  }
  return 0;
} catch (const std::exception& error) {
  fprintf(stderr, "fastdp_host: %s\n", error.what());
  return 1;
}
