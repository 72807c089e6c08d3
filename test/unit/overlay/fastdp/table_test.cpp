#include "overlay/fastdp/table.hpp"

#include <catch2/catch.hpp>

using namespace weave;
using namespace weave::overlay;
using namespace std::chrono_literals;

namespace {

const Time start{std::chrono::hours(1)};
const FastHop to_b{{1}, {2}, 6784}, to_c{{1}, {3}, 6784}, b_moved{{1}, {22}, 6784};
const PeerName a{10}, b{11}, c{12}, d{13};

// The maps, as the programs would see them; complains about what they must never see.
struct Maps {
  void apply(const std::vector<FastWrite>& writes) {
    for (const auto& write : writes) {
      if (auto* hop = std::get_if<WriteHop>(&write)) {
        for (auto& [id, peer] : peers)
          CHECK_FALSE((peer.to == WritePeer::To::kHop && peer.slot == hop->slot && hops.at(hop->slot) != hop->hop));
        hops[hop->slot] = hop->hop;
      } else if (auto* peer = std::get_if<WritePeer>(&write)) {
        if (peer->to == WritePeer::To::kHop) CHECK(hops.contains(peer->slot));
        if (peer->to == WritePeer::To::kNothing)
          peers.erase(peer->id);
        else
          peers.insert_or_assign(peer->id, *peer);
      } else if (auto* flood = std::get_if<WriteFlood>(&write)) {
        floods[flood->source] = flood->neighbours;
        if (flood->neighbours.empty()) floods.erase(flood->source);
      } else if (auto* source = std::get_if<WriteSource>(&write)) {
        if (source->source)
          sources[source->address] = *source->source;
        else
          sources.erase(source->address);
      } else {
        forgotten.push_back(std::get<ForgetMacs>(write).id);
      }
    }
  }
  std::string way(uint16_t id) const {
    auto found = peers.find(id);
    if (found == peers.end()) return "nothing";
    using To = WritePeer::To;
    switch (found->second.to) {
      case To::kHop:
        return hops.at(found->second.slot).remote.str();
      case To::kSleeve:
        return "sleeve";
      case To::kSelf:
        return "self";
      default:
        return "unreachable";
    }
  }

  std::map<uint32_t, FastHop> hops;
  std::map<uint16_t, WritePeer> peers;
  std::map<uint16_t, std::vector<uint16_t>> floods;
  std::map<Ipv4, FastSource> sources;
  std::vector<uint16_t> forgotten;
};

// A topology, and the hops to neighbours.
struct Picture : Topology {
  FastNeighbours hops;
};
FastSnapshot make_snapshot(const Picture& picture) {
  return overlay::make_snapshot(picture, picture.hops);
}

// a - b - c in a row, and d beside a by sleeve.
Picture row() {
  return {{.self = a,
           .next_hop = {{b, b}, {c, b}, {d, d}},
           .broadcast = {{a, {b, d}}, {b, {d}}, {d, {b}}, {c, {d}}},
           .ids = {{a, 1}, {b, 2}, {c, 3}, {d, 4}},
           .neighbours = {}},
          {{b, to_b}, {d, std::nullopt}}};
}

}  // namespace

TEST_CASE("a snapshot names peers by their short ids") {
  auto snapshot = make_snapshot(row());
  CHECK(snapshot.self == 1);
  CHECK(snapshot.peers.at(2) == FastWay{FastWay::Kind::kFast, to_b, b, true});
  CHECK(snapshot.peers.at(3) == FastWay{FastWay::Kind::kFast, to_b, c});
  CHECK(snapshot.peers.at(4) == FastWay{FastWay::Kind::kSleeve, {}, d, true});
  CHECK(snapshot.floods.at(1) == std::vector<uint16_t>{2, 4});
  CHECK(snapshot.sources == std::map<Ipv4, FastSource>{{{2}, {{1}}}});
  CHECK_FALSE(snapshot.peers.contains(1));
}

TEST_CASE("a snapshot leaves out peers without short id or route") {
  auto topology = row();
  topology.ids.erase(d);
  topology.next_hop.erase(c);
  auto snapshot = make_snapshot(topology);
  CHECK(snapshot.floods.at(1) == std::vector<uint16_t>{2});
  CHECK_FALSE(snapshot.floods.contains(2));
  CHECK_FALSE(snapshot.peers.contains(4));
  CHECK(snapshot.peers.at(3).kind == FastWay::Kind::kUnreachable);
}

TEST_CASE("an update writes only what changed in the topology") {
  FastTable table;
  Maps maps;
  maps.apply(table.update(make_snapshot(row()), start));
  CHECK(maps.way(1) == "self");
  CHECK(maps.way(2) == "0.0.0.2");
  CHECK(maps.way(3) == "0.0.0.2");
  CHECK(maps.way(4) == "sleeve");
  CHECK(maps.hops.size() == 1);
  CHECK(table.next_tick() == Time::max());
  CHECK(table.update(make_snapshot(row()), start).empty());

  auto topology = row();
  topology.next_hop[c] = c;
  topology.hops[c] = to_c;
  maps.apply(table.update(make_snapshot(topology), start));
  CHECK(maps.way(3) == "0.0.0.3");
  CHECK(maps.way(2) == "0.0.0.2");
  CHECK(maps.sources.size() == 2);
}

TEST_CASE("a peer that left the topology keeps its hop for a while") {
  FastTable table;
  Maps maps;
  maps.apply(table.update(make_snapshot(row()), start));
  Picture alone{{.self = a, .next_hop = {}, .broadcast = {}, .ids = {{a, 1}}, .neighbours = {}}, {}};
  maps.apply(table.update(make_snapshot(alone), start + 1s));
  CHECK(maps.way(2) == "0.0.0.2");
  CHECK(maps.floods.contains(1));
  CHECK(maps.sources.size() == 1);
  CHECK(table.next_tick() == start + 1s + FastTable::kLinger);

  SECTION("and its hop is removed after that") {
    maps.apply(table.update(make_snapshot(alone), start + 1s + FastTable::kLinger));
    CHECK(maps.way(2) == "nothing");
    CHECK(maps.way(1) == "self");
    CHECK(maps.floods.empty());
    CHECK(maps.sources.empty());
    CHECK(std::find(maps.forgotten.begin(), maps.forgotten.end(), 2) != maps.forgotten.end());
    CHECK(table.next_tick() == Time::max());
  }
  SECTION("unless it comes back") {
    CHECK(table.update(make_snapshot(row()), start + 5s).empty());
    CHECK(table.next_tick() == Time::max());
  }
  SECTION("and takes another hop at once when it comes back by one") {
    auto topology = row();
    topology.hops[b] = std::nullopt;
    maps.apply(table.update(make_snapshot(topology), start + 5s));
    CHECK(maps.way(2) == "sleeve");
  }
}

TEST_CASE("a known but unreachable peer keeps its hop for a while") {
  FastTable table;
  Maps maps;
  maps.apply(table.update(make_snapshot(row()), start));
  auto topology = row();
  topology.next_hop.erase(b);
  topology.next_hop.erase(c);
  topology.hops.erase(b);
  maps.apply(table.update(make_snapshot(topology), start));
  CHECK(maps.way(2) == "0.0.0.2");
  maps.apply(table.update(make_snapshot(topology), start + FastTable::kLinger));
  CHECK(maps.way(2) == "unreachable");
  maps.apply(table.update(make_snapshot(topology), start + 2 * FastTable::kLinger));
  CHECK(maps.way(2) == "unreachable");
  CHECK(table.next_tick() == Time::max());
}

TEST_CASE("a changed hop gets another slot, and the old slot is not reused for a while") {
  FastTable table;
  Maps maps;
  maps.apply(table.update(make_snapshot(row()), start));
  auto slot = maps.peers.at(2).slot;
  auto topology = row();
  topology.hops[b] = b_moved;
  maps.apply(table.update(make_snapshot(topology), start + 1s));
  CHECK(maps.way(2) == "0.0.0.22");
  CHECK(maps.peers.at(2).slot != slot);
  topology.hops[b] = to_c;
  maps.apply(table.update(make_snapshot(topology), start + 2s));
  CHECK(maps.peers.at(2).slot != slot);
  topology.hops[b] = to_b;
  maps.apply(table.update(make_snapshot(topology), start + 2s + FastTable::kLinger));
  CHECK(maps.peers.at(2).slot == slot);
}

TEST_CASE("a lost direct hop is replaced by a detour after a delay, by another direct hop at once") {
  FastTable table;
  Maps maps;
  Picture all{
      {.self = a, .next_hop = {{b, b}, {c, c}}, .broadcast = {}, .ids = {{a, 1}, {b, 2}, {c, 3}}, .neighbours = {}},
      {{b, to_b}, {c, to_c}}};
  SECTION("for a hop that this router set up") {
    maps.apply(table.update(make_snapshot(all), start - 1min));
  }
  SECTION("for a hop that an earlier router left") {
    FastSnapshot found{.self = 1, .peers = {}, .floods = {}, .sources = {}};
    found.peers[2] = {.kind = FastWay::Kind::kFast, .hop = to_b, .name = {}};
    maps.hops[7] = to_b;
    maps.peers.insert_or_assign(2, WritePeer{2, WritePeer::To::kHop, 7});
    table.adopt(found, {{to_b, 7}}, start);
  }
  auto detour = all;
  detour.hops.erase(b);
  detour.next_hop[b] = c;
  maps.apply(table.update(make_snapshot(detour), start + 1s));
  maps.apply(table.update(make_snapshot(detour), start + 2s));
  CHECK(maps.way(2) == "0.0.0.2");
  auto over = start + 1s + FastTable::kPatience;
  CHECK(table.next_tick() == over);

  // The others find out as well: then the old hop lingers, and not the detour.
  auto gone = detour;
  gone.next_hop.erase(b);
  auto still_gone = table;
  maps.apply(still_gone.update(make_snapshot(gone), start + 2s));
  CHECK(still_gone.update(make_snapshot(gone), start + 20s).empty());
  CHECK(still_gone.current(2) == to_b);
  // It comes back.
  auto again = table;
  for (const auto& write : again.update(make_snapshot(all), start + 2s)) CHECK_FALSE(std::get_if<WritePeer>(&write));
  CHECK(again.next_tick() == Time::max());
  // It comes back without the fast datapath.
  auto slower = table;
  all.hops[b] = std::nullopt;
  slower.update(make_snapshot(all), start + 2s);
  CHECK_FALSE(slower.current(2));
  // The link is really cut.
  maps.apply(table.update(make_snapshot(detour), over));
  CHECK(maps.way(2) == "0.0.0.3");
  CHECK(table.update(make_snapshot(detour), over + 1s).empty());
}

TEST_CASE("a peer that comes back with another short id loses the entries of the old one") {
  FastTable table;
  Maps maps;
  maps.apply(table.update(make_snapshot(row()), start));
  auto topology = row();
  topology.ids[b] = 22;
  maps.apply(table.update(make_snapshot(topology), start + 1s));
  CHECK(maps.way(2) == "nothing");
  CHECK(maps.way(22) == "0.0.0.2");
  CHECK(maps.forgotten.back() == 2);
}

TEST_CASE("a failed write is repeated by the next update") {
  FastTable table;
  Maps maps, others;
  maps.apply(table.update(make_snapshot(row()), start));
  others.apply(table.everything());
  CHECK(others.hops == maps.hops);
  CHECK(others.floods == maps.floods);
  CHECK(others.sources == maps.sources);
  for (uint16_t id = 0; id < 10; ++id) CHECK(others.way(id) == maps.way(id));
}

TEST_CASE("a hop that comes back gets its old slot; frames take sleeve while no slot is free") {
  FastTable table;
  Maps maps;
  maps.apply(table.update(make_snapshot(row()), start));
  auto slot = maps.peers.at(2).slot;
  auto by_sleeve = row();
  by_sleeve.hops[b] = std::nullopt;
  for (int i = 0; i < 3000; ++i) {
    maps.apply(table.update(make_snapshot(by_sleeve), start));
    maps.apply(table.update(make_snapshot(row()), start));
  }
  CHECK(maps.peers.at(2).slot == slot);
  auto moving = row();
  uint32_t address = 1000;
  for (; maps.way(2) != "sleeve" && address < 4000; ++address) {
    moving.hops[b] = FastHop{{1}, {address}, 6784};
    maps.apply(table.update(make_snapshot(moving), start));
  }
  CHECK(address < 1000 + FastTable::kSlots + 2);
  CHECK(table.next_tick() == start + 1s);
  maps.apply(table.update(make_snapshot(moving), start + FastTable::kLinger));
  CHECK(maps.way(2) == Ipv4{address - 1}.str());
}

TEST_CASE("MACs learnt from a short id are stale when it belongs to another peer") {
  FastTable table;
  Maps maps;
  maps.apply(table.update(make_snapshot(row()), start));
  maps.forgotten.clear();
  auto topology = row();
  topology.ids = {{a, 1}, {c, 2}, {b, 3}, {d, 4}};
  maps.apply(table.update(make_snapshot(topology), start));
  CHECK(maps.forgotten == std::vector<uint16_t>{2, 3});
  topology.ids[a] = 9;
  maps.apply(table.update(make_snapshot(topology), start));
  CHECK(maps.way(9) == "self");
  CHECK(maps.way(1) == "nothing");
}

TEST_CASE("entries of an earlier router are adopted, and expire unless they are confirmed") {
  FastTable table;
  Maps maps;
  FastSnapshot found;
  found.self = 1;
  found.peers[2] = {FastWay::Kind::kFast, to_b, {}};
  found.peers[3] = {FastWay::Kind::kFast, to_b, {}};
  found.floods[1] = {2};
  found.sources = {{{2}, {{1}}}};
  maps.hops[7] = to_b;
  maps.peers.insert({2, {2, WritePeer::To::kHop, 7}});
  maps.peers.insert({3, {3, WritePeer::To::kHop, 7}});
  table.adopt(found, {{to_b, 7}}, start);
  auto topology = row();
  topology.ids.erase(c);
  topology.next_hop.erase(c);
  maps.apply(table.update(make_snapshot(topology), start + 3s));
  CHECK(maps.way(2) == "0.0.0.2");
  CHECK(maps.peers.at(2).slot == 7);
  CHECK(maps.way(3) == "0.0.0.2");
  maps.apply(table.update(make_snapshot(topology), start + FastTable::kLinger));
  CHECK(maps.way(3) == "nothing");
  CHECK(maps.way(2) == "0.0.0.2");
}

TEST_CASE("a hop that becomes encrypted is a new hop that requires encryption both ways") {
  FastTable table;
  Maps maps;
  maps.apply(table.update(make_snapshot(row()), start));
  auto slot = maps.peers.at(2).slot;
  auto topology = row();
  topology.hops[b]->mark = 0x20000;
  maps.apply(table.update(make_snapshot(topology), start));
  CHECK(maps.peers.at(2).slot != slot);
  CHECK(maps.hops.at(maps.peers.at(2).slot).mark == 0x20000);
  CHECK(maps.sources == std::map<Ipv4, FastSource>{{{2}, {{1}, 6784}}});
}

TEST_CASE("entries of an earlier router that cannot be adopted are removed at once") {
  FastTable table;
  Maps maps;
  FastSnapshot good, bad;
  good.self = bad.self = 1;
  good.peers[2] = {FastWay::Kind::kFast, to_b, {}};
  bad.peers[3] = {FastWay::Kind::kFast, to_c, {}};
  maps.hops = {{7, to_b}, {8, to_c}};
  maps.peers.insert({2, {2, WritePeer::To::kHop, 7}});
  maps.peers.insert({3, {3, WritePeer::To::kHop, 8}});
  table.adopt(good, {{to_b, 7}, {to_c, 8}}, start);
  table.adopt(bad, {}, start - FastTable::kLinger);
  maps.apply(table.update(FastSnapshot{.self = 1, .peers = {}, .floods = {}, .sources = {}}, start));
  CHECK(maps.way(2) == "0.0.0.2");
  CHECK(maps.way(3) == "nothing");
}

TEST_CASE("a flood has at most as many neighbours as the program can copy to") {
  FastTable table;
  FastSnapshot snapshot;
  snapshot.self = 1;
  for (uint16_t id = 2; id < 600; ++id) snapshot.floods[1].push_back(id);
  for (const auto& write : table.update(snapshot, start))
    if (auto* flood = std::get_if<WriteFlood>(&write)) CHECK(flood->neighbours.size() == FastTable::kMostNeighbours);
}
