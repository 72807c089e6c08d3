// Several allocators with one another.
#include <catch2/catch.hpp>

#include "unit/ipam/allocator_helpers.hpp"
#include "unit/ipam/network.hpp"

using namespace weave;
using namespace weave::ipam;
using namespace std::chrono_literals;

namespace {

const auto kEveryone = [](PeerName) { return true; };

std::vector<PeerName> names(std::initializer_list<size_t> numbers) {
  std::vector<PeerName> out;
  for (auto number : numbers) out.push_back(Network::name(number));
  return out;
}

Answer<Cidr> answer(Allocator& peer, Ticket ticket) {
  for (auto& one : peer.take())
    if (one.ticket == ticket) return one.answer;
  return tl::unexpected(Refusal{Refusal::Kind::kFull, "no answer"});
}

}  // namespace

TEST_CASE("messages of requests, claims and departures equal those of Weave Net") {
  auto flow = vectors("ipam/space-request-flow.json", "steps");
  Network net("10.9.0.0/28");
  auto& one = net.add(1, names({1}));
  auto& two = net.add(2);
  auto& three = net.add(3);
  net.queue.clear();
  // As in the recording: each knows the ring, and nobody else's nickname.
  two.on_unicast(Network::name(1), encode_unicast(Tag::kRingUpdate, *one.state()));
  three.on_unicast(Network::name(1), encode_unicast(Tag::kRingUpdate, *one.state()));
  auto check = [&](size_t step, const Message& message) {
    INFO(flow[step]["description"]);
    CHECK(message.from == peer(flow[step]["from"]));
    CHECK((message.to == PeerName{} ? "broadcast" : message.to.str()) == text(flow[step]["to"]));
    ByteView content = message.bytes;
    if (flow[step].contains("tag")) {
      CHECK(content[0] == flow[step]["tag"].get<int>());
      content = content.subspan(1);
    }
    if (flow[step]["decoded"].contains("Now")) {
      auto got = decode_state(content);
      REQUIRE(got);
      CHECK(got->ring == state(flow[step]["decoded"]).ring);
    } else {
      CHECK(message.bytes == unhex(flow[step]["hex"]));
    }
    net.deliver(message);
  };
  auto ticket = two.ask_allocate("c", cidr("10.9.0.0/28"));
  for (size_t step = 0; step < 3; ++step) check(step, net.next());
  CHECK(answer(two, ticket)->str() == "10.9.0.8/28");
  CHECK(net.queue.empty());

  for (int i = 1; i <= 7; ++i) REQUIRE(one.allocate("c" + std::to_string(i), cidr("10.9.0.0/28")));
  auto denied = three.ask_claim("d", cidr("10.9.0.3/28"));
  for (size_t step = 3; step < 6; ++step) check(step, net.next());
  CHECK(answer(three, denied).error().text == text(vectors("ipam/space-request-flow.json", "claim_denied_error")));

  // host1 frees 10.9.0.5 and others one by one.
  for (int i : {4, 5, 6, 7}) REQUIRE(one.release_all("c" + std::to_string(i)));
  net.queue.clear();
  three.on_unicast(Network::name(1), encode_unicast(Tag::kRingUpdate, *one.state()));
  auto granted = three.ask_claim("d", cidr("10.9.0.5/28"));
  auto request = net.next();
  CHECK(request.bytes == unhex(flow[6]["hex"]));
  net.deliver(request);
  net.settle();
  CHECK(answer(three, granted)->str() == "10.9.0.5/28");
  CHECK(one.ring().owner(ip("10.9.0.5")) == Network::name(3));
  CHECK(one.ring().owner(ip("10.9.0.6")) == Network::name(1));

  auto before = three.ring();
  CHECK(three.leave(kEveryone) == peer(flow[9]["heir"]));
  auto farewell = decode_state(net.next().bytes);
  REQUIRE(farewell);
  auto entry = std::ranges::find(farewell->ring->entries, ip("10.9.0.5"), &Entry::token);
  CHECK(*entry == Entry{ip("10.9.0.5"), Network::name(1), before.entries()[1].version + 100, 0});
}

TEST_CASE("messages of elections equal those of Weave Net") {
  for (const char* which : {"one-proposer", "two-proposers"}) {
    INFO(which);
    Network net("10.32.0.0/12", 3);
    for (size_t i : {1, 2, 3}) net.add(i);
    for (const auto& step : vectors("ipam/paxos-election.json", which)) {
      INFO(step["event"].dump() + " " + step.value("from", ""));
      if (step.contains("at")) {
        auto before = net.queue.size();
        auto& at = net.at(step["at"] == "02:00:00:00:00:01" ? 1 : step["at"] == "02:00:00:00:00:02" ? 2 : 3);
        at.ask_ring();
        CHECK(net.queue.size() - before == step["messages_sent"].get<size_t>());
        continue;
      }
      // The recording encoded each message as it was queued, we as it is delivered: contents are those of the
      // recording.
      REQUIRE_FALSE(net.queue.empty());
      auto message = net.next();
      CHECK(message.from == peer(step["from"]));
      CHECK((message.to == PeerName{}) == (text(step["kind"]) == "broadcast"));
      message.bytes = unhex(step["hex"]);
      for (const auto& delivery : step["delivered"]) {
        auto to = peer(delivery["to"]);
        auto& receiver = net.at(to.value & 0xff);
        auto before = net.queue.size();
        auto taken = message.to == PeerName{}
                         ? receiver.on_state(message.bytes, message.from)
                         : receiver.on_unicast(message.from, message.bytes.at(0) == 1
                                                                 ? message.bytes
                                                                 : encode_unicast(Tag::kRingUpdate, message.bytes));
        REQUIRE(taken);
        INFO(delivery["to"].dump());
        auto got = decode_state(*receiver.state());
        auto want = state(delivery["state_after"]);
        CHECK(sorted(*got).paxos == want.paxos);
        if (want.ring) {
          REQUIRE(got->ring);
          CHECK(got->ring->seeds == want.ring->seeds);
          CHECK(got->ring->entries == want.ring->entries);
        } else {
          CHECK_FALSE(got->ring);
        }
        CHECK(net.queue.size() - before == delivery["messages_sent_in_reaction"].get<size_t>());
      }
    }
  }
}

TEST_CASE("the quorum comes from the number of peers that were named") {
  for (auto [targets, quorum] :
       std::vector<std::pair<size_t, uint32_t>>{{0, 0}, {1, 2}, {2, 2}, {3, 3}, {4, 3}, {5, 4}}) {
    Network net("10.0.0.0/24");
    net.targets = targets;
    auto& one = net.add(1);
    one.ask_ring();
    auto election = one.report(kEveryone).election;
    if (quorum == 0) {
      CHECK(one.report(kEveryone).status == "ready");
    } else {
      REQUIRE(election);
      CHECK(election->quorum == quorum);
      CHECK(one.report(kEveryone).status == fmt::format("awaiting consensus (quorum: {}, known: 1)", quorum));
    }
  }
}

TEST_CASE("an observer asks for a ring, and electors call for the election on its behalf") {
  Network net("10.0.0.0/24", 2, {3});
  net.add(1);
  net.add(2);
  auto& observer = net.add(3);
  auto ticket = observer.ask_allocate("c", cidr("10.0.0.0/24"));
  CHECK(observer.report(kEveryone).status == "priming");
  CHECK(net.settle() == "");
  CHECK(answer(observer, ticket));
  CHECK(net.at(1).ring().seeds() == names({1, 2}));
  CHECK(observer.ring().entries().size() == 3);
}

TEST_CASE("an observer doesn't vote and an election without a majority waits") {
  Network net("10.0.0.0/24", 3, {2});
  auto& one = net.add(1);
  auto& two = net.add(2);
  auto ticket = one.ask_allocate("c", cidr("10.0.0.0/24"));
  net.settle();
  net.tick();
  net.settle();
  CHECK(one.ring().empty());
  auto& three = net.add(3);
  net.tick();
  CHECK(net.settle() == "");
  CHECK(answer(one, ticket));
  CHECK(three.ring().seeds() == names({1, 3}));
  CHECK(two.ring().seeds() == names({1, 3}));
}

TEST_CASE("rings of two separate divisions close the connection, and the report says what to do") {
  Network net("10.0.0.0/24");
  auto& one = net.add(1, names({1}));
  auto& two = net.add(2, names({2}));
  set_nickname(one, Network::name(2), "host2");
  auto refused = one.on_state(*two.state(), std::nullopt);
  CHECK(reason(refused) ==
        "IP allocation was seeded by different peers (received: [02:00:00:00:00:02(host2)], ours: "
        "[02:00:00:00:00:01(host1)])");
  auto problems = one.report(kEveryone).problems;
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].find("run `weave ipam repair --rejoin`") != std::string::npos);
  CHECK(one.allocate("c", cidr("10.0.0.0/24"))->str() == "10.0.0.1/24");
  // After a while without it the trouble is over.
  one.tick(Allocator::Time(200s));
  CHECK(one.report(kEveryone).problems.empty());
}

TEST_CASE("another range closes the connection") {
  Network net("10.0.0.0/24"), other("10.0.0.0/16");
  net.add(1, names({1}));
  other.add(2, names({2}));
  CHECK(reason(net.at(1).on_state(*other.at(2).state(), std::nullopt)) ==
        "Incompatible IP allocation ranges (received: 10.0.0.0/16, ours: 10.0.0.0/24)");
  State nonsense{.ring = WireRing{ip("10.0.0.9"), ip("10.0.0.1"), Network::name(2), {}, {}}};
  CHECK(reason(net.at(1).on_state(encode_state(nonsense), std::nullopt)) ==
        "Incompatible IP allocation ranges (received: 10.0.0.9-10.0.0.0, ours: 10.0.0.0/24)");
}

TEST_CASE("a broken message closes the connection, an unknown or empty one is ignored") {
  Network net("10.0.0.0/24");
  auto& one = net.add(1, names({1}));
  auto from = Network::name(2);
  CHECK_FALSE(one.on_state(unhex("05ff"), std::nullopt));
  CHECK(one.on_unicast(from, {}));
  CHECK(one.on_unicast(from, unhex("09")));
  CHECK_FALSE(one.on_unicast(from, unhex("00")));
  CHECK(one.on_unicast(from, encode_unicast(Tag::kSpaceRequest, encode_range({ip("10.0.0.9"), ip("10.0.0.1")}))));
  CHECK(one.ring().entries().size() == 1);
}

TEST_CASE("a donor keeps back the first and last address of a subnet, and denies instead") {
  Network net("10.0.0.0/24");
  auto& one = net.add(1, names({1}));
  auto& two = net.add(2);
  net.greet(1, 2);
  net.queue.clear();
  auto subnet = cidr("10.0.0.8/29");
  for (int i = 0; i < 6; ++i) REQUIRE(one.allocate("c" + std::to_string(i), subnet));
  auto waits = two.ask_allocate("d", subnet);
  net.settle();
  CHECK_FALSE(answer(two, waits));
  CHECK(allocations_waiting(two) == std::vector<std::string>{"d 10.0.0.8/29"});
  CHECK(two.report(kEveryone).status == "waiting for IP(s) to become available");
  CHECK(one.ring().entries().size() == 1);
  one.release_all("c3");
  net.tick();
  net.settle();
  CHECK(answer(two, waits)->str() == "10.0.0.12/29");
}

TEST_CASE("a peer that was given only the ends of its subnet asks for host addresses") {
  Network net("10.0.0.0/24");
  auto& one = net.add(1, names({1}));
  auto& two = net.add(2);
  net.greet(1, 2);
  auto subnet = cidr("10.0.0.8/29");
  REQUIRE(one.on_unicast(Network::name(2),
                         encode_unicast(Tag::kSpaceRequest, encode_range({ip("10.0.0.8"), ip("10.0.0.9")}))));
  net.settle();
  REQUIRE(two.ring().owner(ip("10.0.0.8")) == Network::name(2));
  two.ask_allocate("d", subnet);
  REQUIRE(net.queue.size() == 1);
  CHECK(decode_range(ByteView(net.queue[0].bytes).subspan(1)) == Ipv4Range{ip("10.0.0.9"), ip("10.0.0.15")});
}

TEST_CASE("a donor is not asked again before it answers or the next tick") {
  Network net("10.0.0.0/24");
  net.add(1, names({1}));
  auto& two = net.add(2);
  net.greet(1, 2);
  net.queue.clear();
  two.ask_allocate("a", cidr("10.0.0.0/24"));
  two.ask_allocate("b", cidr("10.0.0.0/24"));
  CHECK(net.queue.size() == 1);
  net.queue.clear();
  net.tick();
  CHECK(net.queue.size() == 1);
  net.settle();
  CHECK(two.take().size() == 2);
}

TEST_CASE("a release serves waiting requests, here at once and elsewhere by a broadcast") {
  Network net("10.0.0.0/30");
  auto& one = net.add(1, names({1}));
  auto& two = net.add(2);
  net.greet(1, 2);
  net.queue.clear();
  auto subnet = cidr("10.0.0.0/30");
  REQUIRE(one.claim("net", cidr("10.0.0.0/30")));
  REQUIRE(one.claim("broadcast", cidr("10.0.0.3/30")));
  REQUIRE(one.allocate("a", subnet));
  REQUIRE(one.allocate("b", subnet));
  auto here = one.ask_allocate("c", subnet);
  REQUIRE(one.release_all("a"));
  CHECK(answer(one, here)->str() == "10.0.0.1/30");
  net.queue.clear();
  net.greet(1, 2);
  auto there = two.ask_allocate("d", subnet);
  net.settle();
  CHECK_FALSE(answer(two, there));
  REQUIRE(one.release_all("b"));
  net.settle();
  CHECK(answer(two, there)->str() == "10.0.0.2/30");
}

TEST_CASE("a claim with an unreachable owner fails after a while, a lenient one is granted and retried") {
  Network net("10.0.0.0/24");
  net.add(1, names({1}));
  auto& two = net.add(2);
  net.greet(1, 2);
  net.away(1);
  auto plain = two.ask_claim("c", cidr("10.0.0.9/24"));
  auto lenient = two.ask_claim("d", cidr("10.0.0.10/24"), false, ClaimMode::kLenient);
  auto found = two.ask_claim("e", cidr("10.0.0.11/24"), true, ClaimMode::kFound);
  CHECK(answer(two, lenient));
  CHECK(two.report(kEveryone).pending_claims.size() == 3);
  for (int i = 0; i < 4; ++i) net.tick();
  CHECK(two.take().empty());
  net.tick();
  CHECK(answer(two, plain).error().text ==
        "address 10.0.0.9/24 is owned by other peer 02:00:00:00:00:01 (host1) - unknown relay destination: "
        "02:00:00:00:00:01");
  net.away(1, false);
  net.tick();
  net.settle();
  CHECK(two.holder(ip("10.0.0.10")) == "d");
  CHECK(answer(two, found));
  two.container_destroyed("e");
  CHECK(two.holder(ip("10.0.0.11")) == std::nullopt);
}

TEST_CASE("a denial fails only the claim that was denied") {
  Network net("10.0.0.0/24");
  auto& one = net.add(1, names({1}));
  auto& two = net.add(2);
  net.greet(1, 2);
  net.queue.clear();
  auto claim = two.ask_claim("c", cidr("10.0.0.9/24"));
  auto deny = [&](const char* from, const char* to, size_t who) {
    return two.on_unicast(Network::name(who), encode_unicast(Tag::kSpaceDenied, encode_range({ip(from), ip(to)})));
  };
  CHECK(deny("10.0.0.0", "10.0.1.0", 1));
  CHECK(deny("10.0.0.9", "10.0.0.10", 3));
  CHECK(two.take().empty());
  CHECK(deny("10.0.0.9", "10.0.0.10", 1));
  CHECK(answer(two, claim).error().text == "address 10.0.0.9/24 is owned by other peer 02:00:00:00:00:01 (host1)");
  CHECK(one.ring().entries().size() == 1);
}

TEST_CASE("allocations found at the start wait a tick for a ring, and are recorded before new ones") {
  Network net("10.0.0.0/24");
  auto& one = net.add(1);
  one.ask_claim("bridge", cidr("10.0.0.1/24"), false, ClaimMode::kFound);
  CHECK(one.report(kEveryone).status == "idle");
  SECTION("a request calls for the ring") {
    CHECK(one.allocate("c", cidr("10.0.0.0/24"))->str() == "10.0.0.2/24");
  }
  SECTION("the tick does without a request") {
    net.tick();
    CHECK(one.report(kEveryone).status == "ready");
  }
  CHECK(one.holder(ip("10.0.0.1")) == "bridge");
}

TEST_CASE("a waiting request is cancelled by its caller, its container's death and our departure") {
  Network net("10.0.0.0/24", 2);
  auto& one = net.add(1);
  auto a = one.ask_allocate("a", cidr("10.0.0.0/24")), b = one.ask_allocate("b", cidr("10.0.0.0/24")),
       c = one.ask_ring();
  one.cancel(a);
  one.container_died("b", {});
  CHECK(answer(one, b).error().kind == Refusal::Kind::kCancelled);
  one.leave(kEveryone);
  CHECK(answer(one, c).error().kind == Refusal::Kind::kCancelled);
  CHECK(allocations_waiting(one).empty());
}

TEST_CASE("a peer whose ranges were taken over keeps addresses in use, and asks for them back") {
  Network net("10.0.0.0/24");
  auto& one = net.add(1, names({1, 2}));
  auto& two = net.add(2, names({1, 2}));
  net.queue.clear();
  REQUIRE(two.allocate("x", cidr("10.0.0.128/25"))->str() == "10.0.0.129/25");
  REQUIRE(two.allocate("y", cidr("10.0.0.128/25")));
  net.greet(1, 2);
  net.away(2);
  CHECK(one.takeover("host2") == 128);
  REQUIRE(one.allocate("z", cidr("10.0.0.128/25"))->str() == "10.0.0.129/25");
  net.settle();
  net.away(2, false);
  CHECK(net.greet(1, 2) == "");
  CHECK(two.ring().owned(Network::name(2)).empty());
  CHECK(two.holder(ip("10.0.0.129")) == "x");
  CHECK(two.report(kEveryone).stranded.size() == 2);
  net.tick();
  net.settle();
  auto stranded = two.report(kEveryone).stranded;
  REQUIRE(stranded.size() == 1);
  CHECK(stranded[0].address == ip("10.0.0.129"));
  CHECK(stranded[0].denied);
  CHECK(two.ring().owner(ip("10.0.0.130")) == Network::name(2));
  net.greet(2, 1);
  CHECK(one.ring().entries() == two.ring().entries());
  REQUIRE(two.release_all("x"));
  CHECK(two.report(kEveryone).stranded.empty());
}

TEST_CASE("a reachable peer and an ambiguous nickname are not taken over") {
  Network net("10.0.0.0/24");
  auto& one = net.add(1, names({1, 2, 3}));
  net.add(2, names({1, 2, 3}));
  net.greet(1, 2);
  CHECK(reason(one.takeover("host2")).find("can be reached") != std::string::npos);
  CHECK(one.takeover("host2", true) == 64);
  set_nickname(one, Network::name(3), "host2");
  CHECK(one.takeover("host2") == 64);
  Network other("10.0.0.0/24");
  auto& four = other.add(4, names({1, 2, 4}));
  set_nickname(four, Network::name(1), "twin");
  set_nickname(four, Network::name(2), "twin");
  CHECK(reason(four.takeover("twin")).find("several peers are called twin") == 0);
}

TEST_CASE("peers agree after two of them took over the same range with the same version") {
  Network net("10.0.0.0/24");
  auto seed = names({1, 2, 3});
  auto& one = net.add(1, seed);
  auto& two = net.add(2, seed);
  one.takeover("02:00:00:00:00:03");
  two.takeover("02:00:00:00:00:03");
  REQUIRE(one.ring().entries().back().version == two.ring().entries().back().version);
  net.queue.clear();
  for (int i = 0; i < 3; ++i) CHECK(net.greet(1, 2) == "");
  CHECK(one.ring().entries() == two.ring().entries());
  CHECK(one.ring().entries().back().peer == Network::name(1));
  CHECK(two.space().owned().size(range("10.0.0.192-10.0.1.0")) == 0);
}

TEST_CASE("a change that cannot be stored is not announced, and is tried again") {
  Network net("10.0.0.0/24");
  auto& one = net.add(1, names({1}));
  auto& two = net.add(2);
  net.greet(1, 2);
  net.queue.clear();
  two.ask_allocate("c", cidr("10.0.0.0/24"));
  net.broken = true;
  CHECK(net.settle() == "");
  CHECK(one.ring().entries().size() == 1);
  CHECK(one.space().free_count() == 256);
  CHECK(one.report(kEveryone).problems == std::vector<std::string>{"write: no space"});
  net.broken = false;
  net.tick();
  net.settle();
  CHECK(two.lookup("c").size() == 1);
}

TEST_CASE("nicknames are made printable, and forgotten with their peers") {
  Network net("10.0.0.0/24");
  auto& one = net.add(1, names({1, 2}));
  one.on_state(encode_state({.nicknames = {{PeerName{7}, "a\x1b[31m"}, {Network::name(1), "me?"}}}), std::nullopt);
  CHECK(one.nickname(PeerName{7}) == "a?[31m");
  CHECK(one.nickname(Network::name(1)) == "host1");
  one.peer_gone(PeerName{7});
  CHECK(one.nickname(PeerName{7}).empty());
  set_nickname(one, Network::name(2), "owner");
  one.peer_gone(Network::name(2));
  CHECK(one.nickname(Network::name(2)) == "owner");
}

TEST_CASE("a donation that arrives after our departure is passed on to our heir") {
  Network net("10.0.0.0/24");
  auto& one = net.add(1, names({1}));
  auto& two = net.add(2);
  net.greet(1, 2);
  net.queue.clear();
  two.ask_allocate("c", cidr("10.0.0.0/24"));
  two.leave(kEveryone);
  CHECK(net.settle() == "");
  CHECK(one.ring().owned(Network::name(2)).empty());
  CHECK(one.space().free_count() == 256);
}
