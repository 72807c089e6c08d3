#include <catch2/catch.hpp>

#include "ipam/range_set.hpp"
#include "ipam/ring.hpp"
#include "unit/ipam/vectors.hpp"

using namespace weave;
using namespace weave::ipam;

namespace {

// Where we differ on purpose, with our answer. Weave Net looks only at the first unknown token within a range of ours
// (and so may lose addresses in use), refuses any token after our last one, and keeps half of a merge that failed.
const std::map<std::string, std::string> kOurs{
    {"two-tokens-in-mine", "Peer 02:00:00:00:02:00 says it owns the IP range from 10.0.0.64, which I think I own"},
    {"split-last-entry", ""},
    {"split-last-entry-newer-allocated",
     "Peer 02:00:00:00:02:00 says it owns the IP range from 10.0.0.128, which I think I own"},
    {"error-after-version-bump",
     "Received update for IP range I own at 10.0.0.128 v0: incoming message says owner 02:00:00:00:02:00 v1"},
    {"random-033", ""},
    {"random-061", ""},
};

struct Case {
  explicit Case(const Json& v) : mine(ring(v["mine"]).value()) {
    for (const auto& address : v["allocated"]) used.add({ip(address), ip(address) + 1});
    RangeSet ours;
    for (auto range : mine.owned(mine.self())) ours.add(range);
    free = ours;
    for (auto run : used.runs()) free.remove(run);
  }
  Result<bool> merge(const Json& theirs) {
    auto received = ring(theirs);
    if (!received) return Refused(received.error());
    return mine.merge(*received, [&](std::span<const Ipv4Range> list) {
      return std::ranges::any_of(list, [&](Ipv4Range r) { return free.size(r) != r.size(); });
    });
  }
  // Addresses in use that are ours.
  uint32_t safe() const {
    uint32_t count = 0;
    for (auto range : mine.owned(mine.self())) count += used.size(range);
    return count;
  }
  Ring mine;
  RangeSet used, free;
};

}  // namespace

TEST_CASE("merged rings equal those of Weave Net") {
  for (const auto& v : vectors("ipam/ring-merge.json", "vectors")) {
    INFO(v.dump());
    Case c(v);
    auto before = c.mine;
    uint32_t safe = c.safe();
    auto got = c.merge(v["theirs"]);
    CHECK(c.safe() == safe);
    if (got) CHECK(*got == (c.mine != before));
    if (auto ours = kOurs.find(text(v["name"])); ours != kOurs.end()) {
      CHECK(reason(got) == ours->second);
      if (!got) CHECK(c.mine == before);
      continue;
    }
    CHECK(reason(got) == (v["error"].is_null() ? "" : text(v["error"])));
    CHECK(c.mine == ring(v["result"]).value());
  }
}

TEST_CASE("our entry that others hold in a newer version gets a higher version") {
  Ring mine =
      Ring::assemble(range("10.0.0.0-10.0.1.0"), PeerName{1}, {{ip("10.0.0.0"), PeerName{1}, 3, 200}}, {}).value();
  Ring theirs =
      Ring::assemble(range("10.0.0.0-10.0.1.0"), PeerName{2}, {{ip("10.0.0.0"), PeerName{1}, 7, 9}}, {}).value();
  auto in_use = [](std::span<const Ipv4Range>) { return true; };
  CHECK(mine.merge(theirs, in_use).value());
  CHECK(mine.entries()[0] == Entry{ip("10.0.0.0"), PeerName{1}, 8, 200});
  CHECK_FALSE(mine.merge(theirs, in_use).value());
}
