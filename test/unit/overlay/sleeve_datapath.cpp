#include "overlay/sleeve_datapath.hpp"

#include <boost/asio/io_context.hpp>
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

TEST_CASE("an address in use is said so") {
  asio::io_context io;
  SleeveDatapath one(io.get_executor(), {1}, {0x7f000001}, 0);
  CHECK_THROWS_WITH(SleeveDatapath(io.get_executor(), {2}, {0x7f000001}, one.port()), Catch::Contains("in use"));
}
