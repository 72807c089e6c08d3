#include "overlay/sleeve/io/datapath.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <catch2/catch.hpp>

using namespace weave;
using namespace weave::overlay;
using namespace std::chrono_literals;

TEST_CASE("two data paths on loopback establish a connection by real packets") {
  asio::io_context io;
  Ipv4 one_ip{0x7f000001}, other_ip{0x7f000002};
  PeerName a{1}, b{2};
  SleeveDatapath one(io.get_executor(), a, one_ip, 0), other(io.get_executor(), b, other_ip, 0);
  std::unique_ptr<Forwarder> at_a, at_b;
  bool a_up = false, b_up = false, fragments = false;
  auto pump = [&] {
    auto now = std::chrono::steady_clock::now();
    auto events_a = at_a->take_events(), events_b = at_b->take_events();
    a_up = a_up || events_a.established;
    b_up = b_up || events_b.established;
    for (auto& message : events_a.control) at_b->control(message.tag, message.payload, now);
    for (auto& message : events_b.control) {
      if (message.tag == 2) fragments = true;
      at_a->control(message.tag, message.payload, now);
    }
  };
  auto made_a = one.make({.self = a,
                          .remote = b,
                          .remote_label = "b",
                          .conn_uid = 77,
                          .initiator = true,
                          .key = {},
                          .local = UdpAddress{one_ip, 1},
                          .remote_address = UdpAddress{other_ip, other.port()}},
                         pump);
  auto made_b = other.make({.self = b,
                            .remote = a,
                            .remote_label = "a",
                            .conn_uid = 77,
                            .initiator = false,
                            .key = {},
                            .local = UdpAddress{other_ip, 1},
                            .remote_address = UdpAddress{one_ip, 2}},
                           pump);
  REQUIRE(made_a);
  REQUIRE(made_b);
  at_a = std::move(*made_a);
  at_b = std::move(*made_b);
  at_b->confirm(std::chrono::steady_clock::now());
  at_a->confirm(std::chrono::steady_clock::now());
  for (int i = 0; i < 100 && !(a_up && b_up && fragments); ++i) {
    io.run_for(20ms);
    pump();
  }
  CHECK(a_up);
  CHECK(b_up);
  CHECK(fragments);
}

TEST_CASE("an address in use is an error that names it") {
  asio::io_context io;
  SleeveDatapath one(io.get_executor(), {1}, {0x7f000001}, 0);
  CHECK_THROWS_WITH(SleeveDatapath(io.get_executor(), {2}, {0x7f000001}, one.port()), Catch::Contains("in use"));
}

namespace {

// A neighbour that is no more than a UDP socket.
struct Neighbour {
  Neighbour(asio::io_context& io, PeerName who) : name(who), socket(io, {asio::ip::address_v4(0x7f000001), 0}) {
    socket.non_blocking(true);
  }
  UdpAddress address() const { return {{0x7f000001}, socket.local_endpoint().port()}; }
  // The container frames that have come, each as "source destination size".
  std::vector<std::string> frames() {
    std::vector<std::string> out;
    boost::system::error_code code;
    for (;;) {
      Bytes packet(65536);
      packet.resize(socket.receive(asio::buffer(packet), 0, code));
      if (code) return out;
      for (const auto& record : decode_records(ByteView(packet).subspan(kSleeveNameSize)).records)
        if (!Sleeve::is_special(record.frame))
          out.push_back(
              fmt::format("{:x} {:x} {}", record.source.value, record.destination.value, record.frame.size()));
    }
  }
  void send(uint16_t port, PeerName source, PeerName destination, ByteView frame) {
    Writer records;
    append_record(records, source, destination, frame);
    socket.send_to(asio::buffer(SleeveSealer(name, {}, true).seal(records.out(), true)),
                   {asio::ip::address_v4(0x7f000001), port});
  }

  PeerName name;
  asio::ip::udp::socket socket;
};

}  // namespace

TEST_CASE("without a bridge frames are relayed between neighbours, and counted when they cannot be") {
  asio::io_context io;
  const PeerName self{1}, a{0xa}, b{0xb}, stranger{0xc};
  SleeveDatapath path(io.get_executor(), self, {0x7f000001}, 0);
  Neighbour at_a(io, a), at_b(io, b), nobody(io, stranger);
  std::vector<std::unique_ptr<Forwarder>> links;
  for (auto* one : {&at_a, &at_b}) {
    auto made = path.make({.self = self,
                           .remote = one->name,
                           .remote_label = "x",
                           .conn_uid = 1,
                           .initiator = true,
                           .key = {},
                           .local = UdpAddress{{0x7f000001}, 1},
                           .remote_address = one->address()},
                          [] {});
    REQUIRE(made);
    links.push_back(std::move(*made));
    links.back()->confirm(std::chrono::steady_clock::now());
  }
  path.set_topology(std::make_shared<Topology>(Topology{self, {{a, a}, {b, b}}, {{self, {a, b}}, {a, {b}}, {b, {a}}}}));
  Bytes unicast(100, 2), broadcast(60, 2);
  std::fill_n(broadcast.begin(), 6, 0xff);
  at_a.send(path.port(), a, b, unicast);
  at_a.send(path.port(), a, self, broadcast);
  at_a.send(path.port(), stranger, self, broadcast);
  at_a.send(path.port(), a, stranger, unicast);
  nobody.send(path.port(), stranger, b, unicast);
  std::vector<std::string> came;
  std::map<std::string, uint64_t> dropped;
  std::map<std::string, uint64_t> expected{
      {"bridge_refused", 1}, {"no_route", 1}, {"unknown_peer", 1}, {"unknown_sender", 1}};
  for (int i = 0; i < 500 && (came.size() < 2 || dropped != expected); ++i) {
    io.run_for(10ms);
    io.restart();
    for (auto& frame : at_b.frames()) came.push_back(frame);
    dropped = path.diagnostics().dropped_receiving;
  }
  CHECK(came == std::vector<std::string>{"a b 100", "a b 60"});
  CHECK(at_a.frames().empty());
  CHECK(dropped == expected);
  auto state = path.diagnostics();
  CHECK(state.relayed.packets == 2);
  CHECK(state.interface.empty());
  REQUIRE(state.macs.size() == 1);
  CHECK(state.macs[0].peer == a);
  path.forget(a);
  CHECK(path.diagnostics().macs.empty());
  // A connection that has ended is a stranger's again.
  links.clear();
  at_a.send(path.port(), a, b, unicast);
  for (int i = 0; i < 500 && dropped["unknown_sender"] < 2; ++i) {
    io.run_for(10ms);
    io.restart();
    dropped = path.diagnostics().dropped_receiving;
  }
  CHECK(dropped["unknown_sender"] == 2);
}

TEST_CASE("a missing bridge is an error that names it") {
  asio::io_context io;
  SleeveDatapath path(io.get_executor(), {1}, {0x7f000001}, 0);
  CHECK_THROWS_AS(path.start("nobridge", TapPlace::kPort, "vethwe-none"), Error);
  CHECK(path.diagnostics().interface.empty());
}
