// A node against a peer that is put together by hand, as a Weave Net router would behave on the wire.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>

#include "mesh/topology.hpp"
#include "node/node.hpp"
#include "overlay/sleeve/io/datapath.hpp"
#include "overlay/sleeve/packet.hpp"

using namespace weave;
using namespace weave::mesh;
using namespace std::chrono_literals;
using asio::ip::tcp;
using asio::ip::udp;

namespace {

const PeerName us{0x020000000001}, them{0x0200000000aa};

struct World {
  asio::io_context io;
  NodeConfig config;
  std::unique_ptr<overlay::SleeveDatapath> sleeve;
  std::unique_ptr<Node> node;

  explicit World(const std::string& password = {}) {
    config.name = us;
    config.nickname = "us";
    config.port = 0;
    config.host = "127.0.78.1";
    config.password = Secret(password);
  }
  void start() {
    sleeve = std::make_unique<overlay::SleeveDatapath>(io.get_executor(), us, Ipv4{0x7f004e01}, 0);
    config.port = sleeve->port();
    config.overlays = {sleeve.get()};
    node = std::make_unique<Node>(io.get_executor(), config);
    node->start();
  }
  bool until(const std::function<bool()>& holds, std::chrono::milliseconds within = 8s) {
    auto deadline = std::chrono::steady_clock::now() + within;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      io.run_for(5ms);
      io.restart();
    }
    return true;
  }
  size_t count(const std::string& state) const {
    auto rows = node->status().connections;
    return static_cast<size_t>(
        std::count_if(rows.begin(), rows.end(), [&](const auto& row) { return row.state == state; }));
  }
};

// The other end, which has dialled.
struct Stranger {
  Stranger(World& w, int version, bool overlays, uint64_t uid = 1234, uint64_t conn_id = 77)
      : world(w), tcp(w.io), udp(w.io, {asio::ip::make_address("127.0.78.2"), 0}) {
    tcp.open(tcp::v4());
    tcp.bind({asio::ip::make_address("127.0.78.2"), 0});
    tcp.connect({asio::ip::make_address("127.0.78.1"), w.node->port()});
    tcp.non_blocking(true);
    udp.non_blocking(true);
    Features ours{.name = them,
                  .nickname = "them",
                  .uid = uid,
                  .conn_id = conn_id,
                  .short_id = 9,
                  .trusted = false,
                  .overlays = {},
                  .public_key = {}};
    if (overlays) ours.overlays = std::vector<std::string>{"fastdp", "sleeve"};
    HandshakeMachine machine({.initiator = true,
                              .min_version = 1,
                              .max_version = version,
                              .password = w.config.password,
                              .ours = ours,
                              .choose_conn_id = {}});
    world.until([&] {
      auto out = machine.take_output();
      write(out);
      machine.feed(read());
      if (gone) machine.closed("EOF");
      return machine.done() || machine.failed();
    });
    reason = machine.reason();
    if (machine.done()) introduced.emplace(machine.take());
  }

  void write(ByteView bytes) {
    size_t sent = 0;
    world.until([&] {
      boost::system::error_code code;
      sent += tcp.write_some(asio::buffer(bytes.data() + sent, bytes.size() - sent), code);
      return sent == bytes.size() || (code && code != asio::error::would_block);
    });
  }
  Bytes read() {
    Bytes buffer(65536);
    boost::system::error_code code;
    auto size = tcp.read_some(asio::buffer(buffer), code);
    if (code && code != asio::error::would_block) gone = true;
    buffer.resize(size);
    return buffer;
  }
  void send(Bytes message) { write(*introduced->stream.encode(message)); }
  // Until a message with this tag comes; those before are kept, too.
  bool receive(uint8_t tag) {
    return world.until([&] {
      introduced->stream.feed(read());
      for (auto next = introduced->stream.next(); next && *next; next = introduced->stream.next())
        messages.push_back(**next);
      return std::any_of(messages.begin(), messages.end(), [&](const auto& m) { return !m.empty() && m[0] == tag; });
    });
  }
  Bytes last(uint8_t tag) const {
    for (auto it = messages.rbegin(); it != messages.rend(); ++it)
      if (!it->empty() && (*it)[0] == tag) return *it;
    return {};
  }
  void heartbeat() {
    Writer frame;
    frame.bytes(Bytes(overlay::kEthernetHeader));
    frame.u64(introduced->conn_uid);
    Writer records;
    overlay::append_record(records, them, us, frame.out());
    overlay::SleeveSealer sealer(them, introduced->session_key, true);
    udp.send_to(asio::buffer(sealer.seal(records.out(), true)),
                {asio::ip::make_address("127.0.78.1"), world.node->port()});
  }
  std::optional<Bytes> packet() {
    Bytes buffer(65536);
    udp::endpoint from;
    boost::system::error_code code;
    auto size = udp.receive_from(asio::buffer(buffer), from, 0, code);
    if (code) return std::nullopt;
    buffer.resize(size);
    return buffer;
  }
  // Until a heartbeat with our connection's number comes.
  bool receive_heartbeat() {
    overlay::SleeveOpener opener(introduced->session_key, true);
    return world.until([&] {
      auto bytes = packet();
      if (!bytes) return false;
      auto opened = opener.open(*bytes);
      if (!opened || !*opened) return false;
      for (const auto& record : overlay::decode_records(**opened).records)
        if (record.frame.size() == 22 && Reader(record.frame.subspan(14)).u64() == introduced->conn_uid) return true;
      return false;
    });
  }

  World& world;
  tcp::socket tcp;
  udp::socket udp;
  bool gone = false;
  std::string reason;
  std::optional<Introduced> introduced;
  std::vector<Bytes> messages;
};

}  // namespace

TEST_CASE("a Weave Net router sees the connection established after the shortest sequence of heartbeats") {
  std::string password = GENERATE("", "wfvAwt7sj");
  World world(password);
  world.start();
  Stranger peer(world, 2, true);
  REQUIRE(peer.introduced);
  CHECK(peer.introduced->theirs.overlays == std::vector<std::string>{"sleeve"});
  REQUIRE(world.until([&] { return world.count("pending") == 1; }));
  CHECK(world.node->status().connections.at(0).reason == "sleeve: no heartbeat acknowledged yet");
  REQUIRE(peer.receive(4));  // all that we know, at once
  peer.heartbeat();
  REQUIRE(peer.receive(7));
  CHECK(std::ranges::find(peer.messages, Bytes{7, 0, 1}) != peer.messages.end());
  REQUIRE(peer.receive_heartbeat());
  peer.send({7, 0, 1});
  REQUIRE(world.until([&] { return world.count("established") == 1; }));
  // The tests of the path are answered.
  peer.messages.clear();
  REQUIRE(world.until([&] {
    peer.receive(4);
    auto gossip = peer.last(4);
    peer.messages.clear();
    if (gossip.empty()) return false;
    auto envelope = decode_envelope(Tag::kGossip, ByteView(gossip).subspan(1));
    auto peers = decode_topology(envelope->data);
    for (const auto& one : *peers)
      if (one.name == us && one.link_to(them)) return one.link_to(them)->established;
    return false;
  }));
}

TEST_CASE("a peer of protocol version 1 gets plain sleeve, if it is let in") {
  World world;
  world.config.min_version = 1;
  world.start();
  Stranger peer(world, 1, false);
  REQUIRE(peer.introduced);
  CHECK(peer.introduced->version == 1);
  REQUIRE(peer.receive(4));
  peer.heartbeat();
  REQUIRE(peer.receive(1));
  CHECK(peer.last(1) == Bytes{1});
  peer.send({1});
  REQUIRE(world.until([&] { return world.count("established") == 1; }));
  for (const auto& message : peer.messages) CHECK(message.at(0) != 7);
}

TEST_CASE("version 1 is refused by default, and always with a password") {
  std::string password = GENERATE("", "x");
  World world(password);
  if (!password.empty()) world.config.min_version = 1;
  world.start();
  Stranger peer(world, 1, false);
  CHECK_FALSE(peer.introduced);
  CHECK(world.until([&] { return world.node->status().terminations == 1; }));
}

TEST_CASE("messages that crash Weave Net are tolerated") {
  World world;
  world.start();
  Stranger peer(world, 2, true);
  REQUIRE(peer.introduced);
  for (const auto& message : {Bytes{}, Bytes{7}, Bytes{7, 0}, Bytes{7, 9, 1}, Bytes{1}, Bytes{2}, Bytes{3},
                              Bytes{200, 1}, Bytes{0}, Bytes{7, 0, 3}, Bytes{7, 0, 99}})
    peer.send(message);
  peer.heartbeat();
  REQUIRE(peer.receive(7));
  peer.send({7, 0, 1});
  REQUIRE(world.until([&] { return world.count("established") == 1; }));
}

TEST_CASE("a second dial of a connected router doesn't end the working connection") {
  World world;
  world.start();
  Stranger peer(world, 2, true);
  REQUIRE(peer.introduced);
  peer.heartbeat();
  REQUIRE(peer.receive(7));
  peer.send({7, 0, 1});
  REQUIRE(world.until([&] { return world.count("established") == 1; }));
  for (uint64_t i = 0; i < 8; ++i) {
    Stranger again(world, 2, true, 1234, 1000 + i);
    REQUIRE(again.introduced);
    CHECK(again.introduced->conn_uid == UINT64_MAX);
    REQUIRE(world.until([&] { return again.read().empty() && again.gone; }));
  }
  CHECK(world.count("established") == 1);
  CHECK_FALSE(peer.gone);
  // After its restart it is somebody new.
  Stranger restarted(world, 2, true, 4321);
  CHECK(restarted.introduced->conn_uid != UINT64_MAX);
}

TEST_CASE("a frame of 10 MiB is accepted, a longer one ends the connection") {
  World world;
  world.start();
  Stranger peer(world, 2, true);
  REQUIRE(peer.introduced);
  peer.send(Bytes(kMaxFrame, 200));
  peer.heartbeat();
  REQUIRE(peer.receive(7));
  peer.write(Bytes{0, 0xa0, 0, 1});
  REQUIRE(world.until([&] { return world.node->status().terminations == 1; }));
  CHECK(world.count("pending") == 0);
}

TEST_CASE("a peer that reads nothing is disconnected and delays no other") {
  World world;
  world.config.limits.write = 300ms;
  world.start();
  Stranger peer(world, 2, true);
  REQUIRE(peer.introduced);
  REQUIRE(world.until([&] { return world.count("pending") == 1; }));
  bool refused = false;
  for (int i = 0; i < 20 && !refused; ++i) refused = !world.node->unicast("x", them, Bytes(1024 * 1024));
  CHECK(refused);
  REQUIRE(world.until([&] { return world.node->status().terminations == 1; }));
  CHECK(world.count("pending") == 0);
}

TEST_CASE("of many simultaneous connections from both sides both keep the same one") {
  asio::io_context io;
  for (int round = 0; round < 10; ++round) {
    std::vector<std::unique_ptr<overlay::SleeveDatapath>> sleeves;
    std::vector<std::unique_ptr<Node>> nodes;
    for (uint64_t i : {1, 2}) {
      NodeConfig config;
      config.name = {0x020000000000 + i};
      config.nickname = std::to_string(i);
      config.host = fmt::format("127.0.78.{}", 10 + i);
      sleeves.push_back(std::make_unique<overlay::SleeveDatapath>(io.get_executor(), config.name,
                                                                  Ipv4::parse(config.host).value(), 0));
      config.port = sleeves.back()->port();
      config.overlays = {sleeves.back().get()};
      nodes.push_back(std::make_unique<Node>(io.get_executor(), config));
      nodes.back()->start();
    }
    nodes[0]->connect({fmt::format("127.0.78.12:{}", nodes[1]->port())});
    nodes[1]->connect({fmt::format("127.0.78.11:{}", nodes[0]->port())});
    bool both = false;
    auto deadline = std::chrono::steady_clock::now() + 6s;
    while (!both && std::chrono::steady_clock::now() < deadline) {
      io.run_for(5ms);
      io.restart();
      both = true;
      for (const auto& node : nodes) {
        auto rows = node->status().connections;
        both = both && rows.size() == 1 && rows[0].state == "established";
      }
    }
    REQUIRE(both);
    auto one = nodes[0]->mesh().connections().at(0).remote, other = nodes[1]->mesh().connections().at(0).remote;
    CHECK(one.conn_uid == other.conn_uid);
    CHECK(one.outbound != other.outbound);
  }
}
