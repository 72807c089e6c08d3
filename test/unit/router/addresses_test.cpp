#include "router/addresses.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

using namespace weave;
using namespace weave::router;

namespace {

const std::string kOne(64, '1'), kTwo(64, '2'), kThree(64, '3');

// Two addresses to give: 10.0.0.1 and 10.0.0.2.
struct Host {
  asio::io_context io;
  std::set<std::string> alive{kOne, kTwo, kThree};
  Addresses addresses{io.get_executor(),
                      {.self = PeerName{1},
                       .nickname = "h1",
                       .range = *Cidr::parse("10.0.0.0/30"),
                       .default_subnet = *Cidr::parse("10.0.0.0/30"),
                       .seed = {}},
                      {},
                      [](std::span<const Change>) {},
                      [this](std::string ident) -> asio::awaitable<bool> { co_return alive.contains(ident); }};

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
  // Runs what can run now.
  void settle() {
    io.restart();
    while (io.poll_one() != 0) {
    }
  }
};

}  // namespace

TEST_CASE("an address is given at once, and the same again to the same container") {
  Host host;
  auto first = host.ask(kOne), again = host.ask(kOne);
  REQUIRE(first->got);
  CHECK(first->got->str() == "10.0.0.1/30");
  CHECK(again->got == first->got);
}

TEST_CASE("a request that finds nothing free waits, and has what is released next") {
  Host host;
  host.ask(kOne);
  host.ask(kTwo);
  auto waits = host.ask(kThree);
  CHECK_FALSE(waits->done);
  CHECK(host.addresses.waiting() == std::vector<std::string>{kThree + " 10.0.0.0/30"});
  CHECK(host.addresses.release(kOne, std::nullopt));
  host.settle();
  REQUIRE(waits->got);
  CHECK(waits->got->str() == "10.0.0.1/30");
  CHECK(host.addresses.waiting().empty());
}

TEST_CASE("a container that dies or was never alive gets nothing") {
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

TEST_CASE("who hangs up while waiting gets nothing, and the next in line does") {
  Host host;
  host.ask(kOne);
  host.ask(kTwo);
  auto waits = host.ask(kThree);
  waits->hang_up.emit(asio::cancellation_type::terminal);
  host.settle();
  CHECK(waits->done);
  CHECK_FALSE(waits->got);
  CHECK(host.addresses.waiting().empty());
  host.addresses.release(kOne, std::nullopt);
  host.settle();
  CHECK(host.addresses.allocator().owned().size() == 1);
}

TEST_CASE("a subnet outside the range is refused") {
  Host host;
  CHECK(host.ask(kOne, "10.1.0.0/24")->failure == "range 10.1.0.0/24 out of bounds: 10.0.0.0/30");
}

TEST_CASE("after a gap in Docker's events what doesn't exist is freed, and what is down has its grace") {
  Host host;
  host.ask(kOne);
  host.ask(kTwo);
  host.addresses.reconcile({}, {kTwo});
  auto owned = host.addresses.allocator().owned();
  REQUIRE(owned.size() == 1);
  CHECK(owned[0].ident == kTwo);
}

TEST_CASE("a leaving peer gives nothing any more") {
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
