// Whole routers in one process, on loopback addresses of their own.
#include "node/node.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>

#include "base/log.hpp"
#include "overlay/sleeve/io/datapath.hpp"

using namespace weave;
using namespace weave::mesh;
using namespace std::chrono_literals;

namespace {

struct Net {
  asio::io_context io;
  std::map<int, std::unique_ptr<overlay::SleeveDatapath>> sleeves;  // of the newest node of each number

  // Without `config.overlays` it has sleeve. `before`: an overlay that is preferred to sleeve.
  std::unique_ptr<Node> node(int number, NodeConfig config = {}, NodeHooks hooks = {},
                             overlay::Overlay* before = nullptr) {
    config.name = {0x020000000100 + static_cast<uint64_t>(number)};
    config.nickname = fmt::format("host{}", number);
    if (number > 0) config.host = fmt::format("127.0.77.{}", number);
    if (config.overlays.empty()) {
      // A restarted node takes its port again.
      if (config.port != 0) sleeves.erase(number);
      auto& sleeve = sleeves[number];
      auto ip = Ipv4::parse(config.host);
      sleeve =
          std::make_unique<overlay::SleeveDatapath>(io.get_executor(), config.name, ip ? *ip : Ipv4{}, config.port);
      config.port = sleeve->port();
      if (before) config.overlays.push_back(before);
      config.overlays.push_back(sleeve.get());
    }
    auto made = std::make_unique<Node>(io.get_executor(), std::move(config), std::move(hooks));
    return made;
  }
  // Runs everything until something holds; false when it doesn't within the time.
  bool until(const std::function<bool()>& holds, std::chrono::milliseconds within = 8s) {
    auto deadline = std::chrono::steady_clock::now() + within;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      io.run_for(5ms);
      io.restart();
    }
    return true;
  }
};

NodeConfig any_port(const std::string& password = {}) {
  NodeConfig config;
  config.port = 0;
  config.password = Secret(password);
  return config;
}

std::string address(int number, const Node& node) {
  return fmt::format("127.0.77.{}:{}", number, node.port());
}

size_t in_state(const Node& node, const std::string& state) {
  auto rows = node.status().connections;
  return static_cast<size_t>(
      std::count_if(rows.begin(), rows.end(), [&](const auto& row) { return row.state == state; }));
}

std::string reason(const Node& node) {
  for (const auto& row : node.status().connections)
    if (row.state == "failed") return row.reason;
  return {};
}

// Whether two tables say the same of everybody, and everybody is connected as both ends say.
bool same_topology(const Node& one, const Node& other, size_t size) {
  const auto& a = one.mesh().peers().table();
  const auto& b = other.mesh().peers().table();
  if (a.size() != size || a != b) return false;
  for (const auto& [name, peer] : a)
    for (const auto& link : peer.links)
      if (!link.established) return false;
  return true;
}

// What a channel has heard.
struct Heard {
  std::vector<std::string> unicasts, broadcasts;
  Channel channel() {
    return {.gossip = [] { return Gossip(); },
            .on_gossip = [](ByteView) -> Result<Gossip> { return Gossip(); },
            .on_broadcast = [this](PeerName, ByteView data) -> Result<Gossip> {
              broadcasts.emplace_back(as_text(data));
              return std::make_shared<OpaqueData>(Bytes(data.begin(), data.end()));
            },
            .on_unicast = [this](PeerName, ByteView data) -> Result<void> {
              unicasts.emplace_back(as_text(data));
              return {};
            }};
  }
};

Gossip text(std::string_view words) {
  auto view = as_bytes(words);
  return std::make_shared<OpaqueData>(Bytes(view.begin(), view.end()));
}

}  // namespace

TEST_CASE("two routers connect, establish by heartbeats over UDP, and agree on the topology") {
  std::string password = GENERATE("", "wfvAwt7sj");
  Net net;
  auto one = net.node(1, any_port(password)), two = net.node(2, any_port(password));
  one->start();
  two->start();
  CHECK(two->connect({address(1, *one), "not a peer"}).size() == 1);
  REQUIRE(net.until([&] { return same_topology(*one, *two, 2); }));
  auto status = two->status();
  REQUIRE(status.connections.size() == 1);
  const auto& row = status.connections[0];
  CHECK(row.state == "established");
  CHECK(row.outbound);
  CHECK(row.address == address(1, *one));
  CHECK(row.overlay == "sleeve");
  CHECK(row.mtu.value_or(0) >= 1376);
  CHECK(row.encrypted != password.empty());
  CHECK(row.reason.empty());
  CHECK(status.terminations == 0);
  CHECK(status.mesh.unicast_routes.size() == 2);
  CHECK(status.encryption != password.empty());
  CHECK_FALSE(one->status().connections.at(0).outbound);
}

TEST_CASE("a router on all addresses of its host is reached by each of them") {
  Net net;
  auto one = net.node(0, any_port()), two = net.node(2, any_port());
  one->start();
  two->start();
  two->connect({address(9, *one)});
  REQUIRE(net.until([&] { return in_state(*one, "established") == 1 && in_state(*two, "established") == 1; }));
  CHECK(one->status().connections.at(0).address.starts_with("127.0.77.2:"));
  CHECK(two->status().connections.at(0).address == address(9, *one));
}

TEST_CASE("frames are in clear only if both sides trust the network") {
  bool both = GENERATE(true, false);
  Net net;
  auto trusting = any_port("secret"), other = any_port("secret");
  trusting.trusted_subnets = {*Cidr::parse("127.0.77.0/24")};
  if (both) other.trusted_subnets = trusting.trusted_subnets;
  auto one = net.node(1, trusting), two = net.node(2, other);
  one->start();
  two->start();
  two->connect({address(1, *one)});
  REQUIRE(net.until([&] { return in_state(*one, "established") == 1 && in_state(*two, "established") == 1; }));
  for (const auto* node : {one.get(), two.get()}) CHECK(node->status().connections.at(0).encrypted != both);
}

TEST_CASE("three routers in a line exchange topology, broadcasts and unicasts, also after a restart") {
  Net net;
  auto config = any_port();
  config.discovery = false;
  Heard heard;
  std::vector<Peer> gone;
  auto one = net.node(1, config), two = net.node(2, config);
  auto three = net.node(
      3, config, {.peers_gone = [&](const auto& peers) { gone.insert(gone.end(), peers.begin(), peers.end()); }});
  three->add_channel("words", heard.channel());
  for (auto* node : {one.get(), two.get(), three.get()}) node->start();
  two->connect({address(1, *one), address(3, *three)});
  REQUIRE(net.until([&] { return same_topology(*one, *three, 3) && same_topology(*two, *three, 3); }));
  // The one in the middle doesn't know the channel.
  REQUIRE(one->unicast("words", {0x020000000103}, as_bytes("to you")));
  one->broadcast("words", text("to all"));
  REQUIRE(net.until([&] { return heard.unicasts.size() == 1 && heard.broadcasts.size() == 1; }));
  CHECK(heard.unicasts[0] == "to you");
  CHECK(heard.broadcasts[0] == "to all");
  CHECK_FALSE(one->unicast("words", {9}, as_bytes("to nobody")));

  auto port = one->port();
  one.reset();
  REQUIRE(net.until([&] { return three->mesh().peers().table().size() == 2; }));
  REQUIRE(gone.size() == 1);
  CHECK(gone[0].nickname == "host1");
  config.port = port;
  one = net.node(1, config);
  one->start();
  REQUIRE(net.until([&] { return same_topology(*one, *three, 3) && same_topology(*two, *three, 3); }));
}

TEST_CASE("with discovery routers known from gossip are dialled") {
  Net net;
  auto one = net.node(1, any_port()), two = net.node(2, any_port()), three = net.node(3, any_port());
  for (auto* node : {one.get(), two.get(), three.get()}) node->start();
  two->connect({address(1, *one), address(3, *three)});
  REQUIRE(net.until([&] {
    return in_state(*one, "established") == 2 && in_state(*three, "established") == 2 &&
           in_state(*two, "established") == 2;
  }));
  // What was dialled in vain meanwhile rests, as everybody is connected.
  REQUIRE(net.until([&] {
    return one->status().connections.size() == 2 && two->status().connections.size() == 2 &&
           three->status().connections.size() == 2;
  }));
}

TEST_CASE("a wrong password is refused with a reason on both sides") {
  Net net;
  auto one = net.node(1, any_port("right")), two = net.node(2, any_port("wrong"));
  one->start();
  two->start();
  two->connect({address(1, *one)});
  REQUIRE(net.until([&] { return !reason(*two).empty() && one->status().terminations == 1; }));
  CHECK_THAT(reason(*two), Catch::Contains("password"));
  CHECK(in_state(*one, "pending") == 0);
  CHECK(one->mesh().peers().table().size() == 1);
  CHECK(two->mesh().peers().table().size() == 1);
  auto row = two->status().connections.at(0);
  CHECK(row.retry_at);
}

TEST_CASE("a password on one side only is refused with Weave Net's reason") {
  bool dialler_has_it = GENERATE(true, false);
  Net net;
  auto one = net.node(1, any_port(dialler_has_it ? "" : "x")), two = net.node(2, any_port(dialler_has_it ? "x" : ""));
  one->start();
  two->start();
  two->connect({address(1, *one)});
  REQUIRE(net.until([&] { return !reason(*two).empty() && one->status().terminations == 1; }));
  CHECK(reason(*two) == (dialler_has_it ? "password specified, but peer requested an unencrypted connection"
                                        : "no password specificed, but peer requested an encrypted connection"));
}

TEST_CASE("two routers that name each other keep one connection") {
  Net net;
  auto one = net.node(1, any_port()), two = net.node(2, any_port());
  one->start();
  two->start();
  one->connect({address(2, *two)});
  two->connect({address(1, *one)});
  REQUIRE(net.until([&] { return in_state(*one, "established") == 1 && in_state(*two, "established") == 1; }));
  REQUIRE(net.until([&] { return one->status().connections.size() == 1 && two->status().connections.size() == 1; }));
  auto terminations = one->status().terminations + two->status().terminations;
  auto since = one->status().connections.at(0).since;
  CHECK(since == std::chrono::floor<std::chrono::milliseconds>(since));
  // A connection that lost is dialled again after 3 s at most; nothing must happen, so there is nothing to wait for.
  net.until([] { return false; }, 3200ms);
  CHECK(one->status().terminations + two->status().terminations == terminations);
  CHECK(std::chrono::abs(one->status().connections.at(0).since - since) < 100ms);
  CHECK(one->status().connections.size() == 1);
  CHECK(two->status().connections.size() == 1);
}

TEST_CASE("a target that is this router is given up, an unreachable one is retried") {
  Net net;
  auto one = net.node(1, any_port());
  one->start();
  one->connect({address(1, *one)});
  REQUIRE(net.until([&] { return in_state(*one, "failed") == 1; }));
  CHECK(reason(*one) == "cannot connect to ourself");
  CHECK(one->status().connections.at(0).retry_at == std::nullopt);
  CHECK(one->targets(true).empty());
  one->connect({"127.0.77.9:1"}, true);
  REQUIRE(net.until([&] {
    return reason(*one) ==
           "cannot connect to 127.0.77.9:1: Connection refused (does weave run there, and is the TCP port open?)";
  }));
  one->forget({"127.0.77.9:1"});
  REQUIRE(net.until([&] { return one->status().connections.empty(); }));
}

TEST_CASE("the connection limit holds on both sides") {
  Net net;
  auto limited = any_port();
  limited.conn_limit = 1;
  limited.discovery = false;
  auto plain = any_port();
  plain.discovery = false;
  auto one = net.node(1, limited), two = net.node(2, plain), three = net.node(3, plain);
  for (auto* node : {one.get(), two.get(), three.get()}) node->start();
  two->connect({address(1, *one)});
  REQUIRE(net.until([&] { return in_state(*one, "established") == 1; }));
  three->connect({address(1, *one)});
  one->connect({address(3, *three)});
  REQUIRE(net.until([&] { return !reason(*three).empty() && !reason(*one).empty(); }));
  CHECK(reason(*one) == "Connection limit reached (1)");
  CHECK(in_state(*one, "established") == 1);
}

namespace {

// An overlay that is established when the peer's has been confirmed, and that can be made to fail.
struct Instant : overlay::Forwarder {
  explicit Instant(std::function<void()> wake) : changed(std::move(wake)) {}
  void confirm(overlay::Time) override { events.control.push_back({0, {}}); }
  void control(uint8_t tag, ByteView, overlay::Time) override { events.established = tag == 0; }
  void tick(overlay::Time) override {}
  overlay::Time next_tick() const override { return overlay::Time::max(); }
  overlay::ForwarderEvents take_events() override { return std::exchange(events, {}); }
  std::optional<uint16_t> mtu() const override { return 1400; }
  void fail(const std::string& why) {
    events.failed = why;
    changed();
  }
  overlay::ForwarderEvents events;
  std::function<void()> changed;
};

struct InstantOverlay : overlay::Overlay {
  explicit InstantOverlay(const char* its_name = overlay::kFastdpName) : name_(its_name) {}
  const char* name() const override { return name_; }
  Result<std::unique_ptr<overlay::Forwarder>> make(overlay::Link link, std::function<void()> changed) override {
    CHECK(link.conn_uid != 0);
    auto forwarder = std::make_unique<Instant>(std::move(changed));
    made.push_back(forwarder.get());
    return forwarder;
  }
  void set_topology(std::shared_ptr<const overlay::Topology> now) override { topology = std::move(now); }
  void forget(PeerName peer) override { forgotten.push_back(peer); }
  overlay::OverlayCounts counts() const override { return {}; }

  const char* name_;
  std::vector<Instant*> made;
  std::shared_ptr<const overlay::Topology> topology;
  std::vector<PeerName> forgotten;
};

}  // namespace

TEST_CASE("routers without a common overlay disconnect") {
  Net net;
  auto odd = any_port();
  InstantOverlay other("other");
  odd.overlays = {&other};
  auto one = net.node(1, odd), two = net.node(2, any_port());
  one->start();
  two->start();
  two->connect({address(1, *one)});
  REQUIRE(net.until([&] { return !reason(*two).empty() && one->status().terminations == 1; }));
  CHECK(reason(*two) == "no overlays in common with peer");
}

TEST_CASE("another overlay is used beside sleeve, and sleeve when it fails") {
  Net net;
  InstantOverlay at_one, at_two;
  auto one = net.node(1, any_port(), {}, &at_one), two = net.node(2, any_port(), {}, &at_two);
  auto sleeve_only = net.node(3, any_port());
  for (auto* node : {one.get(), two.get(), sleeve_only.get()}) node->start();
  two->connect({address(1, *one), address(3, *sleeve_only)});
  auto overlay_to = [](const Node& node, uint64_t peer) {
    for (const auto& row : node.status().connections)
      if (row.state == "established" && row.peer.value == 0x020000000100 + peer) return row.overlay;
    return std::string();
  };
  REQUIRE(net.until([&] { return overlay_to(*two, 1) == "fastdp" && overlay_to(*two, 3) == "sleeve"; }));
  REQUIRE(at_one.made.size() == 1);
  REQUIRE(at_two.made.size() == 1);
  // Each overlay knows which one the connections use.
  REQUIRE(net.until([&] { return at_two.topology->neighbours.size() == 2; }));
  CHECK(at_two.topology->neighbours.at({0x020000000101}) == "fastdp");
  CHECK(at_two.topology->neighbours.at({0x020000000103}) == "sleeve");
  CHECK(at_two.topology->ids.size() == 3);
  // Sleeve runs beside it.
  REQUIRE(net.until([&] { return two->status().connections.at(0).overlays.at(1).established; }));
  for (auto* overlay : {&at_one, &at_two}) overlay->made[0]->fail("the device is gone");
  REQUIRE(net.until([&] { return overlay_to(*two, 1) == "sleeve" && overlay_to(*one, 2) == "sleeve"; }));
  for (const auto& row : one->status().connections)
    if (row.peer.value == 0x020000000102) CHECK(row.reason == "fastdp: the device is gone");
  CHECK(one->status().terminations == 0);
  REQUIRE(net.until([&] { return at_two.topology->neighbours.at({0x020000000101}) == "sleeve"; }));
  sleeve_only->stop();
  REQUIRE(net.until([&] { return !at_one.forgotten.empty(); }));
  CHECK(at_one.forgotten == std::vector<PeerName>{{0x020000000103}});
}

TEST_CASE("a hook may stop the node") {
  Net net;
  std::unique_ptr<Node> two;
  auto one = net.node(1, any_port());
  int calls = 0;
  NodeHooks hooks;
  hooks.connections_changed = [&] {
    ++calls;
    two->stop();
  };
  two = net.node(2, any_port(), hooks);
  one->start();
  two->start();
  two->connect({address(1, *one)});
  REQUIRE(net.until([&] { return one->status().terminations == 1; }));
  CHECK(calls == 1);
  CHECK(two->status().connections.empty());
  two.reset();
}

TEST_CASE("connections without a handshake are limited in number and closed after a while") {
  Net net;
  auto config = any_port();
  config.limits.header = 300ms;
  auto one = net.node(1, config);
  one->start();
  std::vector<asio::ip::tcp::socket> strangers;
  asio::ip::tcp::endpoint to(asio::ip::make_address("127.0.77.1"), one->port());
  for (int i = 0; i < 18; ++i) strangers.emplace_back(net.io).connect(to);
  REQUIRE(net.until([&] { return one->status().terminations >= 16; }));
  CHECK(one->status().terminations == 16);  // the others weren't even greeted
  auto two = net.node(2, any_port());
  two->start();
  two->connect({address(1, *one)});
  REQUIRE(net.until([&] { return in_state(*two, "established") == 1; }));
}

TEST_CASE("garbage on a TCP connection ends it and no other, garbage over UDP is dropped") {
  Net net;
  auto one = net.node(1, any_port()), two = net.node(2, any_port());
  one->start();
  two->start();
  two->connect({address(1, *one)});
  REQUIRE(net.until([&] { return in_state(*one, "established") == 1; }));
  asio::ip::tcp::socket stranger(net.io);
  stranger.connect({asio::ip::make_address("127.0.77.1"), one->port()});
  asio::write(stranger, asio::buffer(std::string("GET / HTTP/1.1\r\n\r\n")));
  asio::ip::udp::socket noise(net.io, asio::ip::udp::v4());
  asio::ip::udp::endpoint to(asio::ip::make_address("127.0.77.1"), one->port());
  for (size_t size : {0, 5, 6, 19, 20, 100, 9000}) noise.send_to(asio::buffer(std::string(size, '\2')), to);
  REQUIRE(net.until([&] { return one->status().terminations == 1; }));
  // The empty datagram holds no packet.
  REQUIRE(net.until([&] { return net.sleeves.at(1)->diagnostics().dropped_receiving["unknown_sender"] == 6; }));
  CHECK(in_state(*one, "established") == 1);
}

TEST_CASE("names are resolved, and unresolvable ones are retried") {
  Net net;
  // Nobody answers there.
  asio::ip::udp::socket silent(net.io, {asio::ip::make_address("127.0.77.8"), 0});
  auto config = any_port();
  config.resolver = {.servers = fmt::format("127.0.77.8:{}", silent.local_endpoint().port()), .timeout = 300ms};
  auto one = net.node(1, config);
  one->start();
  CHECK(one->connect({"peer.example"}).empty());
  REQUIRE(net.until([&] { return in_state(*one, "failed") == 1; }));
  CHECK(reason(*one) == "cannot resolve peer.example: no answer");
  CHECK(one->targets() == std::vector<std::string>{"peer.example"});
  CHECK(silent.available() > 0);
}

TEST_CASE("invalid configurations are refused before anything is started") {
  Net net;
  auto bad_host = any_port();
  asio::io_context io;
  InstantOverlay any;
  bad_host.overlays = {&any};
  bad_host.name = {1};
  bad_host.host = "nonsense";
  CHECK_THROWS_WITH(Node(io.get_executor(), bad_host), Catch::Contains("invalid host"));
  auto bad_version = any_port();
  bad_version.overlays = {&any};
  bad_version.name = {1};
  bad_version.min_version = 3;
  CHECK_THROWS_WITH(Node(io.get_executor(), bad_version), "--min-protocol-version must be in range [1,2]");
  auto bad_order = any_port();
  bad_order.name = {1};
  InstantOverlay sleeve(overlay::kSleeveName), fastdp;
  bad_order.overlays = {&sleeve, &fastdp};
  CHECK_THROWS(Node(io.get_executor(), bad_order));
  auto one = net.node(1, any_port());
  one->start();
  NodeConfig same;
  same.port = one->port();
  same.overlays = {&fastdp};
  auto again = net.node(1, same);
  CHECK_THROWS_WITH(again->start(), Catch::Contains("in use"));
}
