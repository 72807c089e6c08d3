#include "router/addresses.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

using namespace weave;
using namespace weave::router;

namespace {

const std::string kOne(64, '1'), kTwo(64, '2'), kThree(64, '3');

// Two addresses to give: 10.0.0.1 and 10.0.0.2.
struct Host {
  asio::io_context io;
  std::set<std::string> alive{kOne, kTwo, kThree};
  std::optional<std::set<Ipv4>> in_use = std::set<Ipv4>{};  // in the kernel; nothing: it can't be found out
  Addresses addresses{io.get_executor(),
                      {.self = PeerName{1},
                       .nickname = "h1",
                       .range = *Cidr::parse("10.0.0.0/30"),
                       .default_subnet = *Cidr::parse("10.0.0.0/30"),
                       .seed = {}},
                      {},
                      [](std::span<const Change>) {},
                      [this](std::string ident) -> asio::awaitable<bool> { co_return alive.contains(ident); },
                      {},
                      [this]() -> asio::awaitable<std::set<Ipv4>> {
                        // A look into the kernel takes a while.
                        for (int i = 0; i < 10; ++i) co_await asio::post(io, asio::use_awaitable);
                        if (!in_use) throw Error("no bridge");
                        co_return *in_use;
                      }};

  struct Asked {
    bool done = false;
    std::string failure;
    std::optional<Cidr> got;
    asio::cancellation_signal hang_up;
  };
  std::shared_ptr<Asked> ask(const std::string& ident, const std::string& subnet = "10.0.0.0/30", bool check = true) {
    auto asked = std::make_shared<Asked>();
    asio::co_spawn(io, addresses.allocate(ident, *Cidr::parse(subnet), check),
                   asio::bind_cancellation_slot(asked->hang_up.slot(),
                                                [asked](std::exception_ptr error, std::optional<Cidr> cidr) {
                                                  asked->done = true;
                                                  asked->got = cidr;
                                                  try {
                                                    if (error) std::rethrow_exception(error);
                                                  } catch (const std::exception& e) {
                                                    asked->failure = e.what();
                                                  }
                                                }));
    settle();
    return asked;
  }
  std::vector<std::string> waiting() const {
    return addresses.allocator().report([](PeerName) { return true; }).pending_allocates;
  }
  // Runs what can run now.
  void settle() {
    io.restart();
    while (io.poll_one() != 0) {
    }
  }
};

}  // namespace

TEST_CASE("an address is allocated at once, and again the same to the same container") {
  Host host;
  auto first = host.ask(kOne), again = host.ask(kOne);
  REQUIRE(first->got);
  CHECK(first->got->str() == "10.0.0.1/30");
  CHECK(again->got == first->got);
}

TEST_CASE("a request without a free address waits, and gets the next released one") {
  Host host;
  host.ask(kOne);
  host.ask(kTwo);
  auto waits = host.ask(kThree);
  CHECK_FALSE(waits->done);
  CHECK(host.waiting() == std::vector<std::string>{kThree + " 10.0.0.0/30"});
  CHECK(host.addresses.release(kOne, std::nullopt));
  host.settle();
  REQUIRE(waits->got);
  CHECK(waits->got->str() == "10.0.0.1/30");
  CHECK(host.waiting().empty());
}

TEST_CASE("a container that dies or does not exist gets no address") {
  Host host;
  host.alive.erase(kOne);
  auto dead = host.ask(kOne);
  CHECK((dead->done && !dead->got && dead->failure.empty()));
  host.ask(kTwo);
  host.ask("x", "10.0.0.0/30", false);
  auto waits = host.ask(kThree);
  host.addresses.container_died(kThree);
  host.settle();
  CHECK((waits->done && !waits->got && waits->failure.empty()));
}

TEST_CASE("a request that is cancelled while it waits gets no address, the next one does") {
  Host host;
  host.ask(kOne);
  host.ask(kTwo);
  auto waits = host.ask(kThree);
  waits->hang_up.emit(asio::cancellation_type::terminal);
  host.settle();
  CHECK(waits->done);
  CHECK_FALSE(waits->got);
  CHECK(host.waiting().empty());
  host.addresses.release(kOne, std::nullopt);
  host.settle();
  CHECK(host.addresses.allocator().owned().size() == 1);
}

TEST_CASE("a subnet outside the range is refused") {
  Host host;
  CHECK(host.ask(kOne, "10.1.0.0/24")->failure == "range 10.1.0.0/24 out of bounds: 10.0.0.0/30");
}

TEST_CASE("after a gap in Docker's events addresses of missing containers are freed, of stopped ones after the grace") {
  Host host;
  host.ask(kOne);
  host.ask(kTwo);
  host.addresses.reconcile({}, {kTwo});
  host.settle();
  auto owned = host.addresses.allocator().owned();
  REQUIRE(owned.size() == 1);
  CHECK(owned[0].ident == kTwo);
}

TEST_CASE("an address in use outlives its container, and is freed by the next tick after that") {
  Host host;
  host.ask(kOne);
  host.in_use = {Ipv4{0x0a000001}};
  host.addresses.container_destroyed(kOne);
  host.settle();
  CHECK(host.addresses.allocator().owned().size() == 1);
  host.addresses.tick();
  host.settle();
  CHECK(host.addresses.allocator().owned().size() == 1);
  host.in_use = std::set<Ipv4>{};
  host.addresses.tick();
  host.settle();
  CHECK(host.addresses.allocator().owned().empty());
}

TEST_CASE("nothing is freed while the addresses in use are not known") {
  Host host;
  host.ask(kOne);
  host.in_use.reset();
  host.addresses.container_destroyed(kOne);
  host.settle();
  CHECK(host.addresses.allocator().owned().size() == 1);
}

TEST_CASE("a container that gets an address after Docker's list was made keeps it") {
  Host host;
  host.addresses.reconcile({}, {});
  host.ask(kOne);
  host.settle();
  CHECK(host.addresses.allocator().owned().size() == 1);
}

TEST_CASE("a leaving peer allocates no address any more") {
  Host host;
  host.ask(kOne);
  host.ask(kTwo);
  auto waits = host.ask(kThree);
  host.addresses.leave();
  host.settle();
  CHECK((waits->done && !waits->got));
  auto late = host.ask(kThree);
  CHECK((late->done && !late->got));
}

namespace {

// A host whose only neighbour is played by the test.
struct Member {
  asio::io_context io;
  std::vector<Bytes> sent;  // to the neighbour
  int broadcasts = 0;
  bool connected = true;
  Addresses addresses{io.get_executor(),
                      {.self = PeerName{1},
                       .nickname = "h1",
                       .range = *Cidr::parse("10.0.0.0/24"),
                       .default_subnet = *Cidr::parse("10.0.0.0/24"),
                       .seed = {},
                       .expected = 2},
                      {},
                      [](std::span<const Change>) {},
                      [](std::string) -> asio::awaitable<bool> { co_return true; },
                      {.unicast = [this](PeerName, Bytes message) -> Result<void> {
                         if (!connected) return Refused("unknown relay destination");
                         sent.push_back(std::move(message));
                         return {};
                       },
                       .broadcast = [this] { ++broadcasts; },
                       .reachable = [this](PeerName) { return connected; },
                       .targets = [] { return size_t{1}; },
                       .unix_time = [] { return int64_t{0}; }}};
  gossip::Channel channel = addresses.channel();

  template <class T>
  std::shared_ptr<std::pair<bool, std::string>> start(asio::awaitable<T> work) {
    auto done = std::make_shared<std::pair<bool, std::string>>();
    asio::co_spawn(io, std::move(work), [done](std::exception_ptr error, auto...) {
      done->first = true;
      try {
        if (error) std::rethrow_exception(error);
      } catch (const std::exception& e) {
        done->second = e.what();
      }
    });
    settle();
    return done;
  }
  void settle() {
    io.restart();
    while (io.poll_one() != 0) {
    }
  }
  // The neighbour owns the upper half, or all.
  void ring_comes(bool all = false) {
    auto range = Cidr::parse("10.0.0.0/24")->range();
    std::vector<ipam::Entry> entries{{range.start, PeerName{all ? 2u : 1u}, 0, 128},
                                     {range.start + 128, PeerName{2}, 0, 128}};
    ipam::State state{.ring = ipam::WireRing{range.start, range.end, PeerName{2}, entries, {PeerName{1}, PeerName{2}}}};
    CHECK(channel.on_gossip(ipam::encode_state(state)));
    settle();
  }
};

}  // namespace

TEST_CASE("requests wait for the ring that a message brings") {
  Member host;
  auto address = host.start(host.addresses.allocate(kOne, *Cidr::parse("10.0.0.0/24"), false));
  auto ring = host.start(host.addresses.prime());
  CHECK_FALSE(address->first);
  CHECK_FALSE(ring->first);
  CHECK(host.broadcasts == 1);
  CHECK(host.addresses.allocator().report([](PeerName) { return true; }).status ==
        "awaiting consensus (quorum: 2, known: 1)");
  host.ring_comes();
  CHECK(address->first);
  CHECK(ring->first);
  CHECK(host.addresses.allocator().lookup(kOne).size() == 1);
}

TEST_CASE("a claim of another peer's address waits for its answer") {
  Member host;
  host.ring_comes();
  auto claim = host.start(host.addresses.claim(kOne, *Cidr::parse("10.0.0.200/24"), false));
  CHECK_FALSE(claim->first);
  REQUIRE(host.sent.size() == 1);
  auto denial = host.sent[0];
  denial[0] = 2;
  CHECK(host.channel.on_unicast(PeerName{2}, denial));
  host.settle();
  CHECK(claim->second == "address 10.0.0.200/24 is owned by other peer 00:00:00:00:00:02");
}

TEST_CASE("a lenient claim is granted when the owner is unreachable, and retried") {
  Member host;
  host.ring_comes();
  host.connected = false;
  auto claim = host.start(host.addresses.claim(kOne, *Cidr::parse("10.0.0.200/24"), false, true));
  CHECK((claim->first && claim->second.empty()));
  host.connected = true;
  host.addresses.tick();
  CHECK(host.sent.size() == 1);
}

TEST_CASE("a received broadcast is passed on as our own state, and as nothing after the last owner has left") {
  Member host;
  host.ring_comes();
  auto passed = host.channel.on_broadcast(PeerName{2}, ipam::encode_state({.paxos = ipam::PaxosTable{}}));
  REQUIRE(passed);
  REQUIRE(*passed);
  CHECK(ipam::decode_state((*passed)->encode().at(0))->ring.has_value());
  CHECK((*passed)->merged(**passed) == *passed);
  REQUIRE(host.sent.size() == 1);  // the ring, for who has none
  CHECK(host.sent[0][0] == 1);
  CHECK(host.addresses.take_over("00:00:00:00:00:02", true) == 128);
  CHECK(host.addresses.leave() == std::nullopt);
  passed = host.channel.on_broadcast(PeerName{2}, ipam::encode_state({.paxos = ipam::PaxosTable{}}));
  REQUIRE(passed);
  REQUIRE(*passed);
  CHECK((*passed)->encode().empty());
}

TEST_CASE("a peer that can be reached is taken over by force only") {
  Member host;
  host.ring_comes();
  CHECK_THROWS_AS(host.addresses.take_over("00:00:00:00:00:02"), Error);
  CHECK(host.addresses.take_over("00:00:00:00:00:02", true) == 128);
  CHECK(host.addresses.leave() == std::nullopt);
  CHECK(host.channel.gossip()->encode().empty());
}
