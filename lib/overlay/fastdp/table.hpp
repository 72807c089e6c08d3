// What the kernel's maps of the fast datapath should hold: from pictures of the topology to writes of single entries.
//
//     snapshot: id 7 by 10.0.0.7, id 8 by 10.0.0.7 (it is relayed there), id 9 by sleeve
//     maps:     peers[7] = peers[8] = 1, peers[9] = sleeve     hops[1] = 10.0.0.7, ...
//
// Frames read the maps meanwhile. So a hop's slot is written before anything points at it, never changed while
// something does, and only used again some time after nothing does.
//
// Who vanishes from the topology keeps its way for a while, unless it comes back by another one: that is what carries
// established flows over the restart of a router, theirs or ours. For moments, a peer that has lost its connection to
// us seems to be reached by others, who think the same of us; so its own hop is only given up for theirs after a pause.
#pragma once
#include <set>

#include "overlay/fastdp/forwarder.hpp"
#include "overlay/topology.hpp"

namespace weave::overlay {

struct FastWay {
  enum class Kind {
    kUnreachable,
    kFast,   // by `hop`
    kSleeve  // handed to sleeve
  };
  Kind kind = Kind::kUnreachable;
  FastHop hop;
  PeerName name;        // who has the id
  bool direct = false;  // its own connection, not one by which it is relayed

  bool operator==(const FastWay&) const = default;
};

// Where frames come from.
struct FastSource {
  Ipv4 local;             // our address that they come to
  uint16_t esp_port = 0;  // the VXLAN port whose packets must be encrypted, from there and to there; 0: none

  bool operator==(const FastSource&) const = default;
};
// The one that a hop is.
inline FastSource source_of(const FastHop& hop) {
  return {hop.local, hop.mark ? hop.port : uint16_t{0}};
}

// A picture of the topology, by short ids.
struct FastSnapshot {
  std::optional<uint16_t> self;
  std::map<uint16_t, FastWay> peers;                 // without ourself
  std::map<uint16_t, std::vector<uint16_t>> floods;  // source, ourself included -> the neighbours that get its floods
  std::map<Ipv4, FastSource> sources;                // by the outer address that frames may come from

  bool operator==(const FastSnapshot&) const = default;
};

// Peers that are connected, with the hop to them; nothing: their frames are carried by sleeve.
using FastNeighbours = std::map<PeerName, std::optional<FastHop>>;

// Peers without short ID are left out.
FastSnapshot make_snapshot(const Topology& topology, const FastNeighbours& neighbours);

// Writes, to be carried out in order.
struct WriteHop {
  uint32_t slot;
  FastHop hop;
};
struct WritePeer {
  uint16_t id;
  enum class To { kNothing, kHop, kUnreachable, kSelf, kSleeve } to;
  uint32_t slot = 0;
};
struct WriteFlood {
  uint16_t source;
  std::vector<uint16_t> neighbours;  // empty: no entry
};
struct WriteSource {
  Ipv4 address;
  std::optional<FastSource> source;  // nothing: no entry
};
struct ForgetMacs {  // of a short id that means another peer now, or none
  uint16_t id;
};
using FastWrite = std::variant<WriteHop, WritePeer, WriteFlood, WriteSource, ForgetMacs>;

class FastTable {
 public:
  static constexpr std::chrono::seconds kLinger{30};
  static constexpr std::chrono::seconds kPatience{2};  // before a hop is given up for a detour; gossip takes less
  static constexpr uint32_t kSlots = 1024;             // 1 .. 1023 are used
  static constexpr size_t kMostNeighbours = 256;       // of one flood

  // What the maps hold already; before the first update. All of it is as if it had vanished from the topology just now.
  void adopt(const FastSnapshot& found, const std::map<FastHop, uint32_t>& hops, Time now);

  std::vector<FastWrite> update(FastSnapshot wanted, Time now);
  // All that the maps should hold since the last update, because writes were refused; to be carried out till that
  // succeeds.
  std::vector<FastWrite> everything() const;
  // When something is due: then update with the same snapshot. Time::max(): nothing.
  Time next_tick() const;
  // The fast hop that frames for an id take now, wanted or lingering.
  std::optional<FastHop> current(uint16_t id) const;
  // The one last asked for.
  const FastSnapshot& wanted() const { return wanted_; }

 private:
  template <class Value>
  struct Entry {
    Value value;
    Time until = Time::max();         // lingers till then; max: wanted
    Time patient_till = Time::max();  // a detour is wanted, and taken then; max: none is
  };
  WritePeer write_of(uint16_t id, const FastWay& way) const;
  bool waits(Entry<FastWay>& entry, const FastWay& wanted, Time now) const;
  // Ids of peers that have another one now.
  void drop_renamed(std::vector<FastWrite>& writes);
  std::optional<uint32_t> slot_of(const FastHop& hop, Time now, std::vector<FastWrite>& writes);
  void release_slots(Time now);

  FastSnapshot wanted_;
  std::optional<uint16_t> self_;
  std::map<uint16_t, Entry<FastWay>> peers_;
  std::map<uint16_t, Entry<std::vector<uint16_t>>> floods_;
  std::map<Ipv4, Entry<FastSource>> sources_;
  struct Slot {
    FastHop hop;
    bool used = false;
    Time free_at = Time::min();
  };
  std::map<uint32_t, Slot> slots_;
  std::map<FastHop, uint32_t> by_hop_;  // of resting slots, too: what is in them can be used again at once
  Time retry_at_ = Time::max();         // there was no slot
};

}  // namespace weave::overlay
