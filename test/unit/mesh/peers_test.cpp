#include "mesh/peers.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "mesh/topology.hpp"
#include "vectors.hpp"

using namespace weave;
using namespace weave::mesh;

namespace {

Random seeded(uint64_t seed) {
  return [engine = std::mt19937_64(seed)]() mutable { return engine(); };
}

std::set<PeerName> names(const Json& json) {
  std::set<PeerName> set;
  for (const auto& n : json) set.insert(peer_name(n));
  return set;
}

}  // namespace

TEST_CASE("topology updates merge as in Weave Net") {
  auto scenarios = vectors("mesh/topology-merge.json", "scenarios");
  for (const auto& scenario : scenarios) {
    auto self = peer_name(scenario.at("ourself"));
    auto start = peers(scenario.at("start"));
    Peer us = *std::find_if(start.begin(), start.end(), [&](const Peer& p) { return p.name == self; });
    auto links = std::exchange(us.links, {});
    us.version -= links.size();  // each one adds one again
    Peers table(us, seeded(1));
    for (const auto& link : links) table.set_link(link);
    for (const auto& p : start)
      if (p.name != self) table.merge({p});
    table.take_changes();
    bool renamed = false;

    for (const auto& step : scenario.at("steps")) {
      INFO(scenario.at("name") << ": " << step.at("Comment"));
      auto op = step.at("Op").get<std::string>();
      auto version = table.self().version;
      auto id = table.self().short_id;
      if (op == "update") {
        auto update = decode_topology(unhex(step.at("UpdateHex")));
        REQUIRE(update);
        auto merged = table.merge(*update);
        CHECK(merged.received == names(step.at("Received")));
        CHECK(merged.changed == names(step.at("New")));
      } else if (op == "gc") {
        table.collect();
      } else {
        REQUIRE(op == "local-connection");
        for (const auto& link : std::vector(table.self().links)) table.remove_link(link.to);
      }
      auto changes = table.take_changes();
      std::set<PeerName> gone;
      for (const auto& p : changes.gone) gone.insert(p.name);
      CHECK(gone == (step.contains("Removed") ? names(step.at("Removed")) : std::set<PeerName>{}));
      CHECK(changes.short_ids == step.at("InvalidateShortIDs").get<bool>());
      CHECK((table.self().version != version) == step.at("LocalVersionChanged").get<bool>());
      CHECK((table.self().short_id != id) == step.at("LocalShortIDChanged").get<bool>());
      renamed |= table.self().short_id != id;

      std::vector<Peer> after;
      for (const auto& [name, p] : table.table()) after.push_back(p);
      auto expected = peers(step.at("Peers"));
      std::map<std::string, std::string> owners;
      for (const auto& p : after)
        if (p.short_id && !(renamed && table.short_ids().owner(*p.short_id) == self))
          owners[std::to_string(*p.short_id)] = table.short_ids().owner(*p.short_id)->str();
      if (renamed)
        for (auto& p : after)
          if (p.name == self) p.short_id = 65535;  // as the vectors write a random one
      CHECK(after == expected);
      CHECK(owners == step.at("ShortIDOwner").get<std::map<std::string, std::string>>());
    }
  }
}

TEST_CASE("a received version of ours that is the highest possible doesn't wrap") {
  Peers table({{1}, "us", 5, 3, 7, {}}, seeded(1));
  table.merge({{{1}, "us", 6, UINT64_MAX, 7, {}}});
  CHECK(table.self().version == 3);
  table.merge({{{1}, "us", 6, UINT64_MAX - 1, 7, {}}});
  CHECK(table.self().version == UINT64_MAX);
}

TEST_CASE("short ids of more than 12 bits are ignored") {
  Peers table({{1}, "us", 5, 3, 7, {}}, seeded(1));
  table.merge({{{2}, "two", 6, 1, 4096, {}}});
  CHECK_FALSE(table.find({2})->short_id);
  table.merge({{{2}, "two", 6, 2, 4095, {}}});
  CHECK(table.find({2})->short_id == 4095);
}

TEST_CASE("with all short ids taken we keep ours, and get one when a peer goes") {
  Peers table({{kMaxShortId + 2}, "us", 5, 3, 7, {}}, seeded(1));
  std::vector<Peer> everybody;
  table.set_link({{1}, "a", true, true});
  Peer first{{1}, "", 1, 1, ShortId{0}, {}};
  // One less than the table holds, so that all fit; together they use all ids.
  for (uint64_t i = 2; i <= kMaxShortId; ++i) {
    everybody.push_back({{i}, "", i, 1, static_cast<ShortId>(i - 1), {}});
    first.links.push_back({{i}, "", false, false});
  }
  everybody.push_back(first);
  table.merge(everybody);
  CHECK(table.table().size() == kMaxPeers);
  CHECK(table.self().short_id == kMaxShortId);  // the only free one
}

TEST_CASE("the number of peers is limited") {
  Peers table({{1}, "us", 5, 3, 7, {}}, seeded(1));
  std::vector<Peer> crowd;
  for (uint64_t i = 2; i < 2 * kMaxPeers; ++i) crowd.push_back({{i}, std::string(1000, 'x'), i, 1, {}, {}});
  crowd.front().links.push_back({{1}, std::string(1000, 'x'), true, true});
  table.merge(crowd);
  CHECK(table.table().size() == kMaxPeers);
  CHECK(table.find({2})->nickname.size() == kMaxNickname);
  CHECK(table.find({2})->links.front().address.empty());
  CHECK_FALSE(table.introduce({{UINT64_MAX >> 16}, "new", 1, 0, {}, {}}));
}

TEST_CASE("short ids are drawn evenly from what is free") {
  ShortIds ids;
  auto random = seeded(3);
  for (ShortId id = 0; id <= kMaxShortId; ++id)
    if (id != 17 && id != 4000) ids.add(id, {id + 1u});
  std::map<ShortId, int> drawn;
  for (int i = 0; i < 200; ++i) ++drawn[*ids.choose(random)];
  CHECK(drawn.size() == 2);
  CHECK(drawn[17] > 60);
  CHECK(drawn[4000] > 60);
  ids.add(17, {18});
  ids.add(4000, {4001});
  CHECK_FALSE(ids.choose(random));
}

TEST_CASE("control characters are removed from nicknames") {
  CHECK(printable("host-1 \xc3\xbc\xe6\x97\xa5\xf0\x9f\x90\xb3") == "host-1 \xc3\xbc\xe6\x97\xa5\xf0\x9f\x90\xb3");
  CHECK(printable("a\nb\x1b[2J\x7f\t") == "a?b?[2J??");
  CHECK(printable("\xc2\x9b\xc0\xaf\xed\xa0\x80\xff\xc3") == "?????????");
  CHECK(Peer{{1}, "x\ny", 0, 0, {}, {}}.str() == "00:00:00:00:00:01(x?y)");
}
