// The parts of the allocator, each by itself.
#include <catch2/catch.hpp>

#include "ipam/election.hpp"
#include "ipam/nicknames.hpp"
#include "ipam/requests.hpp"
#include "ipam/space_requests.hpp"
#include "ipam/troubles.hpp"
#include "unit/ipam/vectors.hpp"

using namespace std::chrono_literals;

namespace weave::ipam {

namespace {

const PeerName kSelf{1}, kOther{2}, kThird{3};

// A ledger whose store is a list of the tables written, and can be made to fail.
struct Books {
  std::vector<std::string> written;
  bool broken = false;
  Ledger ledger{cidr("10.0.0.0/28").range(), kSelf, [this](std::span<const Change> list) {
                  if (broken) throw Error("write: no space");
                  for (const auto& one : list) written.push_back(one.table);
                }};

  // No seeds: the range isn't divided yet.
  explicit Books(Seeds seeds) {
    if (seeds.empty()) return;
    LedgerTransaction change(ledger);
    ledger.ring.claim_for_peers(seeds);
    change.ring_changed();
    change.commit();
    ledger.changed = ledger.needs_notice = false;
    written.clear();
  }
  void allocate(const std::string& ident, bool container = false) {
    LedgerTransaction change(ledger);
    auto address = ledger.space.allocate(cidr("10.0.0.0/28").host_range());
    change.note_taken(*address);
    change.add(ident, {Cidr{*address, 28}, container});
    change.commit();
  }
};

}  // namespace

TEST_CASE("an allocation is found by ident and by address until it is removed") {
  Allocations list;
  list.add("a", {cidr("10.0.0.1/28"), true});
  list.add("a", {cidr("10.0.0.2/28")});
  CHECK(list.of("a").size() == 2);
  CHECK(list.holder(ip("10.0.0.2")) == "a");
  CHECK(list.has("a", ip("10.0.0.1")));
  CHECK_FALSE(list.has("b", ip("10.0.0.1")));
  CHECK(list.remove("a", ip("10.0.0.1")));
  CHECK_FALSE(list.remove("a", ip("10.0.0.1")));
  CHECK_FALSE(list.has_container("a"));
  CHECK(list.size() == 1);
}

TEST_CASE("replacing an ident's list leaves other idents alone") {
  Allocations list({{"a", {{cidr("10.0.0.1/28")}}}, {"b", {{cidr("10.0.0.2/28")}}}});
  list.replace("a", {{cidr("10.0.0.3/28"), true}});
  CHECK_FALSE(list.contains(ip("10.0.0.1")));
  CHECK(list.holder(ip("10.0.0.3")) == "a");
  CHECK(list.holder(ip("10.0.0.2")) == "b");
  list.replace("a", {});
  CHECK(list.by_ident().size() == 1);
}

TEST_CASE("a dead container expires after the grace, unless it starts again") {
  Allocations list({{"a", {{cidr("10.0.0.1/28"), true}}}, {"bridge", {{cidr("10.0.0.2/28")}}}});
  Allocations::Time start{};
  list.container_died("a", start);
  list.container_died("bridge", start);
  CHECK(list.is_dead("a"));
  CHECK_FALSE(list.is_dead("bridge"));
  CHECK(list.expired(start + Allocations::kDeathGrace).empty());
  CHECK(list.expired(start + Allocations::kDeathGrace + 1s) == std::vector<std::string>{"a"});
  list.container_started("a");
  CHECK(list.expired(start + 1h).empty());
}

TEST_CASE("a transaction that isn't committed leaves ring, space and allocations as they were") {
  Books books({kSelf});
  books.allocate("a", true);
  auto ring = books.ledger.ring;
  auto free = books.ledger.space.free_count();
  {
    LedgerTransaction change(books.ledger);
    change.remove("a", ip("10.0.0.1"));
    books.ledger.ring.transfer(kSelf, kOther);
    change.ring_changed();
    CHECK(books.ledger.space.free_count() == 0);
  }
  CHECK(books.ledger.ring == ring);
  CHECK(books.ledger.space.free_count() == free);
  CHECK(books.ledger.allocations.holder(ip("10.0.0.1")) == "a");
  CHECK(books.ledger.allocations.has_container("a"));
}

TEST_CASE("a transaction that cannot be stored throws and changes nothing") {
  Books books({kSelf});
  books.broken = true;
  CHECK_THROWS_WITH(books.allocate("a"), "write: no space");
  CHECK(books.ledger.allocations.size() == 0);
  CHECK(books.ledger.space.free_count() == 16);
  CHECK_FALSE(books.ledger.changed);
}

TEST_CASE("a commit says whether waiting requests may succeed and whether others have to be told") {
  Books books({kSelf});
  books.allocate("a");
  CHECK_FALSE(books.ledger.changed);
  {
    LedgerTransaction change(books.ledger);
    change.remove("a", ip("10.0.0.1"));
    change.commit();
  }
  CHECK(books.ledger.changed);
  CHECK_FALSE(books.ledger.needs_notice);  // other addresses were free before
  for (int i = 0; i < 14; ++i) books.allocate(std::to_string(i));
  // Left are the network's address and the broadcast address, which no container gets.
  CHECK(books.ledger.space.free_count() == 2);
  LedgerTransaction change(books.ledger);
  change.remove("3", ip("10.0.0.4"));
  change.commit();
  CHECK(books.ledger.needs_notice);
}

TEST_CASE("a vote that cannot be stored is not cast") {
  Books books({});
  Election election({kSelf, 7}, false, books.ledger);
  CHECK(election.set_expected(3) == 2);
  books.broken = true;
  CHECK_THROWS_AS(election.propose(), Error);
  CHECK(election.table()->empty());
  CHECK_FALSE(books.ledger.stored.election);
  books.broken = false;
  election.propose();
  CHECK(election.table()->size() == 1);
  CHECK(books.ledger.stored.election);
}

TEST_CASE("an observer neither votes nor shows a table") {
  Books books({});
  Election election({kSelf, 7}, true, books.ledger);
  election.propose();
  CHECK_FALSE(election.votes());
  CHECK(election.table() == nullptr);
  CHECK_FALSE(election.take({{NodeId{kOther, 1}, Claims{}}}));
  CHECK_FALSE(election.agreed());
}

TEST_CASE("nicknames of others are stored, printable and forgotten on request") {
  Books books({kSelf});
  Nicknames names(kSelf, "me", books.ledger.save);
  names.add({{kSelf, "impostor"}, {kOther, "b\x1b"}});
  CHECK(names.of(kSelf) == "me");
  CHECK(names.of(kOther) == "b?");
  CHECK(books.written == std::vector<std::string>{"ipam-nicknames"});
  names.add({{kOther, "b\x1b"}});
  CHECK(books.written.size() == 1);  // nothing new
  CHECK(names.shown(kOther) == kOther.str() + "(b?)");
  CHECK(names.listed({kOther, kThird}) == kOther.str() + "(b?) " + kThird.str());
  names.forget([](PeerName) { return true; });
  CHECK(names.of(kOther).empty());
  CHECK(names.of(kSelf) == "me");
  CHECK(books.written.size() == 2);
}

TEST_CASE("requests are tried in the order ring, claims, allocations") {
  RequestQueue queue;
  auto wait = [](Request&) -> AttemptResult { return std::nullopt; };
  auto allocate = queue.submit({.kind = Request::Kind::kAllocate}, wait);
  auto claim = queue.submit({.kind = Request::Kind::kClaim}, wait);
  auto ring = queue.submit({.kind = Request::Kind::kRing}, wait);
  std::vector<Ticket> order;
  queue.retry([&](Request& request) -> AttemptResult {
    order.push_back(request.ticket);
    return request.kind == Request::Kind::kClaim ? AttemptResult(cidr("10.0.0.1/28")) : std::nullopt;
  });
  CHECK(order == std::vector{ring, claim, allocate});
  auto replies = queue.take();
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].ticket == claim);
  CHECK(queue.pending().size() == 2);
}

TEST_CASE("a request has one reply at most") {
  RequestQueue queue;
  auto ticket = queue.submit({.kind = Request::Kind::kClaim}, [&](Request& request) -> AttemptResult {
    queue.answer_early(request, cidr("10.0.0.1/28"));
    queue.answer_early(request, cidr("10.0.0.1/28"));
    return std::nullopt;
  });
  CHECK(queue.take().size() == 1);
  queue.retry([](Request&) -> AttemptResult { return refuse("no"); });
  CHECK(queue.take().empty());
  CHECK(queue.empty());
  ticket = queue.submit({}, [](Request&) -> AttemptResult { return std::nullopt; });
  queue.cancel(ticket);
  CHECK(queue.empty());
}

TEST_CASE("a request that doesn't wait is refused with what it would wait for") {
  RequestQueue queue;
  auto ticket = queue.submit({}, [](Request& request) -> AttemptResult {
    request.waiting_for = {Refusal::Kind::kFull, "no free address"};
    return std::nullopt;
  });
  auto outcome = queue.outcome(ticket);
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().text == "no free address");
  CHECK(queue.empty());
}

TEST_CASE("one donor is asked once a round, and another one after a denial") {
  Books books({kOther, kSelf, kThird});
  std::vector<PeerName> asked;
  SpaceRequests requests(
      books.ledger, [&](PeerName to, Tag, ByteView) -> Result<void> { return asked.push_back(to), Result<void>(); },
      {});
  auto subnet = cidr("10.0.0.0/28");
  requests.ask_for_space(subnet);
  requests.ask_for_space(subnet);
  REQUIRE(asked.size() == 1);
  CHECK_FALSE(requests.on_denial(kSelf, subnet.range(), {}));  // wasn't asked
  auto range = books.ledger.space.free_count() > 0 ? subnet.host_range() : subnet.range();
  CHECK(requests.on_denial(asked[0], range, {}));
  requests.ask_for_space(subnet);
  REQUIRE(asked.size() == 2);
  CHECK(asked[0] != asked[1]);
  requests.ask_for_space(subnet);
  CHECK(asked.size() == 2);
  requests.next_round();
  requests.ask_for_space(subnet);
  CHECK(asked.size() == 3);
}

TEST_CASE("a stranded address is asked for until its owner refuses, and again after a minute") {
  Books books({kSelf});
  books.allocate("a");
  {
    LedgerTransaction change(books.ledger);
    books.ledger.ring.transfer(kSelf, kOther);
    change.ring_changed();
    change.commit();
  }
  std::vector<PeerName> asked;
  SpaceRequests requests(
      books.ledger, [&](PeerName to, Tag, ByteView) -> Result<void> { return asked.push_back(to), Result<void>(); },
      {});
  auto reachable = [](PeerName) { return true; };
  SpaceRequests::Time now{};
  CHECK(requests.ask_for_stranded(now, [](PeerName) { return false; }) == 0);
  CHECK(requests.ask_for_stranded(now, reachable) == 1);
  CHECK(asked == std::vector{kOther});
  CHECK(requests.on_denial(kOther, {ip("10.0.0.1"), ip("10.0.0.2")}, now));
  CHECK(requests.was_denied(ip("10.0.0.1")));
  requests.next_round();
  CHECK(requests.ask_for_stranded(now + 60s, reachable) == 0);
  CHECK(requests.ask_for_stranded(now + 61s, reachable) == 1);
}

TEST_CASE("problems are forgotten after two minutes, rings of others after twenty") {
  Troubles troubles;
  Troubles::Time now{};
  troubles.note("disk full", now);
  troubles.note_ring(kOther, {Troubles::ForeignRing::Why::kSeeds, "other seeds", now});
  CHECK(troubles.recent(now + 120s) == std::vector<std::string>{"disk full"});
  CHECK(troubles.recent(now + 121s).empty());
  CHECK(troubles.rings(now + 20min).size() == 1);
  CHECK(troubles.rings(now + 20min + 1s).empty());
  CHECK(troubles.is_about_a_ring("other seeds"));
  troubles.note("other seeds", now);
  troubles.forget_ring(kOther);
  CHECK(troubles.recent(now) == std::vector<std::string>{"disk full"});
}

TEST_CASE("the number of problems is limited, the oldest are dropped") {
  Troubles troubles;
  Troubles::Time now{};
  for (int i = 0; i < 100; ++i) troubles.note(fmt::format("{:03}", i), now + std::chrono::milliseconds(i));
  auto kept = troubles.recent(now);
  CHECK(kept.size() == 16);
  CHECK(kept.front() == "084");
  for (uint64_t i = 0; i < 200; ++i) troubles.note_ring(PeerName{i}, {});
  CHECK(troubles.rings(now).size() == 64);
}

}  // namespace weave::ipam
