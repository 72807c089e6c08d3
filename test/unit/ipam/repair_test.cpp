// Clusters that were divided apart: what is said about them, and how one joins the other.
#include <catch2/catch.hpp>

#include "unit/ipam/network.hpp"

using namespace weave;
using namespace weave::ipam;
using namespace std::chrono_literals;

namespace {

const auto kSubnet = cidr("10.0.0.0/24");

std::vector<PeerName> names(std::initializer_list<size_t> numbers) {
  std::vector<PeerName> out;
  for (auto number : numbers) out.push_back(Network::name(number));
  return out;
}

std::string text(const std::vector<Finding>& list) {
  std::string out;
  for (const auto& one : list) out += one.text() + "\n";
  return out;
}

// Peer 1 alone in one cluster; peers 2 and on in the other.
struct Divided {
  Network net{"10.0.0.0/24"};
  explicit Divided(std::initializer_list<size_t> others = {2}) {
    net.add(1, names({1}));
    for (auto number : others) net.add(number, names(others));
    net.queue.clear();
  }
  // The two clusters' connection comes up, and is closed again.
  std::string meet(size_t a = 1, size_t b = 2) { return net.greet(a, b); }
};

}  // namespace

TEST_CASE("compatible rings have no differences, and no address is asked back") {
  Network net("10.0.0.0/24");
  auto& one = net.add(1, names({1, 2}));
  net.add(2, names({1, 2}));
  REQUIRE(one.allocate("a", kSubnet));
  net.greet(1, 2);
  CHECK(one.diff().empty());
  auto back = one.repair();
  CHECK(back.stranded == 0);
  CHECK_FALSE(back.waiting);
}

TEST_CASE("a ring that others divided is a difference while it is received") {
  Divided divided;
  CHECK(divided.meet().find("seeded by different peers") != std::string::npos);
  for (size_t number : {1, 2}) {
    auto found = text(divided.net.at(number).diff());
    CHECK_THAT(found,
               Catch::StartsWith(fmt::format("peer 02:00:00:00:00:0{}(host{}) can't be merged with: IP allocation "
                                             "was seeded by different peers (received: ",
                                             3 - number, 3 - number)));
    CHECK_THAT(found, Catch::EndsWith("run `weave ipam repair --rejoin` on the peers of the smaller group, not on the "
                                      "others\n"));
    CHECK(std::ranges::count(found, '\n') == 1);
  }
  divided.net.at(1).tick(Allocator::Time(2h));
  CHECK(divided.net.at(1).diff().empty());
}

TEST_CASE("a ring of another range is a difference") {
  Network net("10.0.0.0/24"), other("10.0.0.0/16");
  auto& one = net.add(1, names({1}));
  CHECK_FALSE(one.on_state(*other.add(2, names({2})).state(), std::nullopt));
  CHECK_THAT(text(one.diff()), Catch::Contains("Incompatible IP allocation ranges") &&
                                   Catch::EndsWith("launch both with the same --ipalloc-range\n"));
}

TEST_CASE("ranges of an owner out of reach are a difference, with the command that takes them over") {
  Network net("10.0.0.0/24");
  auto& one = net.add(1, names({1, 2}));
  net.add(2, names({1, 2}));
  net.greet(1, 2);
  net.away(2);
  CHECK(text(one.diff()) ==
        "128 addresses (10.0.0.128-10.0.0.255) belong to peer 02:00:00:00:00:02(host2), which can't be reached: start "
        "it again; if it never comes back, run `weave rmpeer 02:00:00:00:00:02` on one peer only\n");
}

TEST_CASE("a peer that rejoins keeps its addresses by asking the other cluster's owner for them") {
  Divided divided;
  auto& net = divided.net;
  auto& one = net.at(1);
  auto& two = net.at(2);
  REQUIRE(one.allocate("a", kSubnet)->str() == "10.0.0.1/24");
  REQUIRE(two.claim("b", cidr("10.0.0.77/24")));
  REQUIRE(two.claim("weave:expose", cidr("10.0.0.78/24")));
  divided.meet();
  net.queue.clear();
  REQUIRE(two.rejoin());
  CHECK(two.ring().empty());
  CHECK_THAT(text(two.diff()), Catch::Contains("was given up, and no other has come yet"));
  CHECK(two.repair().waiting);
  // Nothing is given out, and what is in use stays.
  CHECK(two.allocate("c", kSubnet).error().kind == Refusal::Kind::kNoRing);
  CHECK(two.lookup("b") == std::vector{cidr("10.0.0.77/24")});
  CHECK(divided.meet() == "");
  net.settle();
  CHECK(two.ring().seeds() == names({1}));
  net.greet(1, 2);
  CHECK(two.ring().entries() == one.ring().entries());
  for (auto address : {"10.0.0.77", "10.0.0.78"}) CHECK(one.ring().owner(ip(address)) == Network::name(2));
  CHECK(two.report([](PeerName) { return true; }).stranded.empty());
  CHECK(one.diff().empty());
  CHECK(two.diff().empty());
  // As many as there are; each of them once.
  std::set<std::string> all{"10.0.0.1/24", "10.0.0.77/24", "10.0.0.78/24"};
  for (int i = 0; i < 40; ++i)
    for (auto* peer : {&one, &two}) {
      auto ident = fmt::format("{}-{}", peer->config().nickname, i);
      auto ticket = peer->ask_allocate(ident, kSubnet);
      net.settle();
      for (auto& answered : peer->take())
        if (answered.ticket == ticket) CHECK(all.insert(answered.answer.value().str()).second);
    }
  CHECK(all.size() == 83);
}

TEST_CASE("an address in use in both clusters is reported, and asked for again on request") {
  Divided divided;
  auto& net = divided.net;
  auto& two = net.at(2);
  REQUIRE(net.at(1).allocate("a", kSubnet)->str() == "10.0.0.1/24");
  REQUIRE(two.allocate("b", kSubnet)->str() == "10.0.0.1/24");
  divided.meet();
  REQUIRE(two.rejoin());
  divided.meet();
  CHECK_THAT(text(two.diff()),
             Catch::Contains("10.0.0.1, in use here by b, belongs to peer 02:00:00:00:00:01(host1): run `weave ipam "
                             "repair`"));
  net.settle();
  CHECK_THAT(text(two.diff()), Catch::Contains("which was asked for it and denied it: another container may have it"));
  CHECK(net.at(1).ring().owner(ip("10.0.0.1")) == Network::name(1));
  // It becomes free there; asking again needn't wait.
  REQUIRE(net.at(1).release_all("a"));
  auto back = two.repair();
  CHECK(back.stranded == 1);
  CHECK(back.asked == 1);
  net.settle();
  CHECK(two.diff().empty());
  CHECK(net.at(1).ring().owner(ip("10.0.0.1")) == Network::name(2));
}

TEST_CASE("rejoining is refused without another ring in sight") {
  Network net("10.0.0.0/24");
  auto& two = net.add(2, names({2}));
  CHECK_THAT(two.rejoin(true).error(), Catch::StartsWith("no peer with another ring has been heard"));
  CHECK_THAT(net.add(3).rejoin().error(), Catch::StartsWith("there is no ring here"));
  CHECK_FALSE(two.ring().empty());
}

TEST_CASE("our ring stays when the other cluster gave up its ring first") {
  Divided divided;
  divided.meet();
  REQUIRE(divided.net.at(1).rejoin());
  divided.net.deliver(divided.net.next());
  CHECK_THAT(divided.net.at(2).rejoin().error(), Catch::StartsWith("no peer with another ring has been heard"));
}

TEST_CASE("peers of a cluster rejoin one by one, and don't take their old ring back") {
  Divided divided({2, 3});
  auto& net = divided.net;
  auto& two = net.at(2);
  auto& three = net.at(3);
  net.greet(2, 3);
  REQUIRE(two.allocate("b", kSubnet));
  REQUIRE(three.allocate("c", kSubnet)->str() == "10.0.0.128/24");
  net.greet(2, 3);
  divided.meet(1, 2);
  CHECK_THAT(two.rejoin().error(), Catch::StartsWith("peers that share our ring can be reached: 02:00:00:00:00:03"));
  net.queue.clear();
  REQUIRE(two.rejoin(true));
  CHECK_THAT(net.greet(3, 2), Catch::Contains("was given up here"));
  CHECK(two.ring().empty());
  CHECK_THAT(text(two.diff()), Catch::Contains("--rejoin --force` there, too"));
  divided.meet(1, 2);
  net.queue.clear();
  CHECK_THAT(net.greet(2, 3), Catch::Contains("seeded by different peers"));
  REQUIRE(three.rejoin(true));
  CHECK(net.greet(2, 3) == "");
  net.settle();
  net.tick();
  net.settle();
  for (auto* peer : {&two, &three}) {
    CHECK(peer->ring().seeds() == names({1}));
    CHECK(peer->report([](PeerName) { return true; }).stranded.empty());
  }
  CHECK(three.ring().owner(ip("10.0.0.128")) == Network::name(3));
}

TEST_CASE("a ring that was given up is not used after a restart") {
  Divided divided;
  auto& net = divided.net;
  REQUIRE(net.at(2).claim("b", cidr("10.0.0.77/24")));
  divided.meet();
  REQUIRE(net.at(2).rejoin());
  auto stored = net.stored(2);
  CHECK(stored.entries.empty());
  CHECK(stored.abandoned_seeds == names({2}));
  auto& two = net.add(2, names({2}), stored);
  net.queue.clear();
  CHECK(two.ring().empty());
  CHECK_THAT(two.mode(), Catch::Contains("our ring was given up"));
  CHECK(two.allocate("c", kSubnet).error().kind == Refusal::Kind::kNoRing);
  CHECK(two.ring().empty());
  CHECK(divided.meet() == "");
  net.settle();
  CHECK(two.ring().seeds() == names({1}));
  CHECK(two.holder(ip("10.0.0.77")) == "b");
  CHECK(two.ring().owner(ip("10.0.0.77")) == Network::name(2));
  CHECK_FALSE(net.stored(2).abandoned_seeds);
  CHECK(net.stored(2).entries == two.ring().entries());
}

TEST_CASE("a ring is kept when the store cannot record that it is given up") {
  Divided divided;
  auto& net = divided.net;
  auto& two = net.at(2);
  REQUIRE(two.allocate("b", kSubnet));
  divided.meet();
  auto ring = two.ring();
  net.broken = true;
  CHECK_THROWS_AS(two.rejoin(), Error);
  net.broken = false;
  CHECK(two.ring() == ring);
  CHECK(two.allocate("c", kSubnet)->str() == "10.0.0.2/24");
  CHECK_FALSE(two.repair().waiting);
  CHECK(two.rejoin());
}
