#include "ipam/ring.hpp"

#include <catch2/catch.hpp>

#include "unit/ipam/vectors.hpp"

using namespace weave;
using namespace weave::ipam;

namespace {

const PeerName kSelf{1}, kOther{2}, kThird{3};
const Ipv4Range kRange = range("10.0.0.0-10.0.1.0");

Ring of(std::vector<Entry> list) {
  return Ring::assemble(kRange, kSelf, std::move(list), {}).value();
}

}  // namespace

TEST_CASE("the first division equals that of Weave Net") {
  for (const auto& v : vectors("ipam/ring-claim-for-peers.json", "vectors")) {
    Ring got(cidr(v["universe"]).range(), peer(v["result"]["Peer"]));
    got.claim_for_peers(peers(v["peers"]));
    CHECK(got == ring(v["result"]).value());
    CHECK(got.check());
  }
}

TEST_CASE("grant, transfer and report of free space equal those of Weave Net") {
  for (const auto& v : vectors("ipam/ring-ops.json", "sequences")) {
    auto got = ring(v["initial"]).value();
    for (const auto& step : v["steps"]) {
      INFO(step.dump());
      if (text(step["op"]) == "grant") {
        got.grant({ip(step["start"]), ip(step["end"])}, peer(step["to"]));
      } else if (text(step["op"]) == "transfer") {
        CHECK(got.transfer(peer(step["from"]), peer(step["to"])) == ranges(step["new_ranges"]));
      } else {
        bool updated = got.report_free([&](Ipv4Range r) { return step["free"].at(r.start.str()).get<uint32_t>(); });
        CHECK(updated == step["updated"].get<bool>());
      }
      CHECK(got.entries() == entries(step["entries"]));
      CHECK(got.check());
    }
    CHECK(got.owned(got.self()) == ranges(v["owned_ranges_of_self"]));
  }
}

TEST_CASE("a ring from outside is checked") {
  auto refused = [](std::vector<Entry> list) { return Ring::assemble(kRange, kSelf, std::move(list), {}).error(); };
  Ipv4 a = kRange.start, b = kRange.start + 16;
  CHECK(refused({{b, kSelf}, {a, kSelf}}) == "Ring not sorted");
  CHECK(refused({{a, kSelf}, {a, kSelf}}) == "Token appears twice in ring");
  CHECK(refused({{ip("9.255.255.255"), kSelf}}) == "Token is out of range");
  CHECK(refused({{ip("10.0.1.0"), kSelf}}) == "Token is out of range");
  CHECK(refused({{a, kSelf, 0, 17}, {b, kSelf}}) == "Entry 10.0.0.0-10.0.0.16 reporting too much free space: 17 > 16");
  CHECK(Ring::assemble(kRange, kSelf, {{a, kSelf, 0, 16}, {b, kSelf, 0, 240}}, {}));
}

TEST_CASE("the last entry wraps round to the first token") {
  auto got = of({{ip("10.0.0.64"), kOther, 0, 0}, {ip("10.0.0.128"), kSelf, 5, 0}});
  CHECK(got.owned(kSelf) == std::vector{range("10.0.0.0-10.0.0.64"), range("10.0.0.128-10.0.1.0")});
  CHECK(got.owner(ip("10.0.0.3")) == kSelf);
  CHECK(got.owner(ip("10.0.0.64")) == kOther);
  CHECK(got.report_free([](Ipv4Range r) { return r.size() - 1; }));
  CHECK(got.entries()[1] == Entry{ip("10.0.0.128"), kSelf, 6, 190});
  got.grant(range("10.0.0.16-10.0.0.32"), kThird);
  CHECK(got.check());
  CHECK(got.owned(kThird) == std::vector{range("10.0.0.16-10.0.0.32")});
  CHECK(got.owned(kSelf) ==
        std::vector{range("10.0.0.0-10.0.0.16"), range("10.0.0.32-10.0.0.64"), range("10.0.0.128-10.0.1.0")});
}

TEST_CASE("only our own ranges can be granted") {
  auto got = of({{ip("10.0.0.0"), kSelf}, {ip("10.0.0.128"), kOther}});
  auto before = got;
  CHECK_THROWS_AS(got.grant(range("10.0.0.100-10.0.0.129"), kThird), Error);
  CHECK_THROWS_AS(got.grant(range("10.0.0.200-10.0.0.201"), kThird), Error);
  CHECK_THROWS_AS(got.grant(range("10.0.0.9-10.0.0.9"), kThird), Error);
  CHECK(got == before);
}

TEST_CASE("donors are other peers with free space in the range") {
  auto got = of({{ip("10.0.0.0"), kSelf, 0, 16},
                 {ip("10.0.0.16"), kOther, 0, 5},
                 {ip("10.0.0.32"), kThird, 0, 0},
                 {ip("10.0.0.64"), kThird, 0, 7},
                 {ip("10.0.0.128"), kOther, 0, 9}});
  using List = std::vector<std::pair<PeerName, uint64_t>>;
  CHECK(got.donors(kRange) == List{{kOther, 14}, {kThird, 7}});
  CHECK(got.donors(range("10.0.0.32-10.0.0.128")) == List{{kThird, 7}});
  CHECK(got.donors(range("10.0.0.31-10.0.0.32")) == List{{kOther, 5}});
  CHECK(got.heir([](PeerName) { return true; }) == kOther);
  CHECK(got.heir([](PeerName name) { return name == kThird; }) == kThird);
  CHECK(got.heir([](PeerName) { return false; }) == std::nullopt);
  CHECK(got.owners() == std::vector{kSelf, kOther, kThird});
}
