// The maps of the fast datapath's programs: what FastKernel reads from them and writes to them.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <set>

#include "base/error.hpp"
#include "overlay/fastdp/io/kernel.hpp"

namespace weave::overlay {

namespace {

fastdp_mac to_key(const Mac& mac) {
  fastdp_mac key{};
  std::copy(mac.bytes.begin(), mac.bytes.end(), key.bytes);
  return key;
}

template <class Key, class Value, class See>
void each_entry(int map, See&& see) {
  Key key{}, next{};
  bool first = true;
  while (bpf_map_get_next_key(map, first ? nullptr : &key, &next) == 0) {
    key = next;
    first = false;
    Value value{};
    if (bpf_map_lookup_elem(map, &key, &value) == 0) see(key, value);
  }
}

}  // namespace

fastdp_settings FastKernel::settings() const {
  fastdp_settings out{};
  uint32_t zero = 0;
  bpf_map_lookup_elem(map("settings"), &zero, &out);
  return out;
}

void FastKernel::set_settings(const fastdp_settings& settings) {
  uint32_t zero = 0;
  if (bpf_map_update_elem(map("settings"), &zero, &settings, BPF_ANY) != 0)
    throw errno_error("cannot write the fast datapath's settings");
}

void FastKernel::apply(const std::vector<FastWrite>& writes, const std::function<uint32_t(uint16_t)>& device) {
  auto put = [&](const char* name, const auto& key, const auto& value) {
    if (bpf_map_update_elem(map(name), &key, &value, BPF_ANY) != 0)
      throw errno_error(fmt::format("cannot write to the fast datapath's map {}", name));
  };
  auto carry_out = [&](const auto& write) {
    using Write = std::decay_t<decltype(write)>;
    if constexpr (std::is_same_v<Write, WriteHop>) {
      fastdp_hop hop{};
      hop.remote = write.hop.remote.value;
      hop.local = write.hop.local.value;
      hop.port = write.hop.port;
      hop.device = device(write.hop.port);
      hop.mark = write.hop.mark;
      hop.underlay = static_cast<uint32_t>(write.hop.underlay);
      hop.gateway = write.hop.gateway.value;
      put("hops", write.slot, hop);
    } else if constexpr (std::is_same_v<Write, WritePeer>) {
      using To = WritePeer::To;
      uint32_t id = write.id;
      uint32_t way = write.to == To::kHop           ? write.slot
                     : write.to == To::kUnreachable ? FASTDP_WAY_NONE
                     : write.to == To::kSelf        ? FASTDP_WAY_SELF
                     : write.to == To::kSleeve      ? FASTDP_WAY_SLEEVE
                                                    : 0;
      put("peers", id, way);
      if (write.to == To::kSelf) {
        auto now = settings();
        now.self = write.id;
        set_settings(now);
      }
    } else if constexpr (std::is_same_v<Write, WriteFlood>) {
      uint32_t id = write.source;
      fastdp_flood flood{};
      for (auto neighbour : write.neighbours)
        if (flood.count < FASTDP_FLOOD) flood.ids[flood.count++] = neighbour;
      if (flood.count)
        put("floods", id, flood);
      else
        bpf_map_delete_elem(map("floods"), &id);
    } else if constexpr (std::is_same_v<Write, WriteSource>) {
      fastdp_source source{};
      if (write.source) source = {write.source->local.value, write.source->esp_port};
      if (write.source)
        put("sources", write.address.value, source);
      else
        bpf_map_delete_elem(map("sources"), &write.address.value);
    } else {
      for (const auto& entry : macs())
        if (entry.place == write.id) remove_mac(entry.mac);
    }
  };
  // One that is refused doesn't keep the others back.
  std::optional<Error> refused;
  for (const auto& write : writes) try {
      std::visit(carry_out, write);
    } catch (const Error& error) {
      if (!refused) refused = error;
    }
  if (refused) throw Error(*refused);
}

std::map<FastHop, uint32_t> FastKernel::read_hops() const {
  std::set<uint32_t> used;
  each_entry<uint32_t, uint32_t>(map("peers"), [&](uint32_t, uint32_t way) {
    if (way && way < FASTDP_HOPS) used.insert(way);
  });
  std::map<FastHop, uint32_t> hops;
  for (auto slot : used) {
    fastdp_hop hop{};
    if (bpf_map_lookup_elem(map("hops"), &slot, &hop) == 0)
      hops[{.local = {hop.local},
            .remote = {hop.remote},
            .port = static_cast<uint16_t>(hop.port),
            .underlay = static_cast<int>(hop.underlay),
            .gateway = {hop.gateway},
            .mark = hop.mark}] = slot;
  }
  return hops;
}

FastSnapshot FastKernel::read_snapshot() const {
  FastSnapshot out;
  std::map<uint32_t, FastHop> by_slot;
  for (const auto& [hop, slot] : read_hops()) by_slot[slot] = hop;
  auto self = settings().self;
  if (self != FASTDP_NO_SELF) out.self = static_cast<uint16_t>(self);
  each_entry<uint32_t, uint32_t>(map("peers"), [&](uint32_t id, uint32_t way) {
    if (way == 0 || way == FASTDP_WAY_SELF) return;
    FastWay entry;
    if (way == FASTDP_WAY_SLEEVE) entry.kind = FastWay::Kind::kSleeve;
    if (auto found = by_slot.find(way); found != by_slot.end()) entry = {FastWay::Kind::kFast, found->second, {}};
    out.peers[static_cast<uint16_t>(id)] = entry;
  });
  each_entry<uint32_t, fastdp_flood>(map("floods"), [&](uint32_t id, const fastdp_flood& flood) {
    auto count = std::min<uint32_t>(flood.count, FASTDP_FLOOD);
    out.floods[static_cast<uint16_t>(id)] = {flood.ids, flood.ids + count};
  });
  each_entry<uint32_t, fastdp_source>(map("sources"), [&](uint32_t address, const fastdp_source& source) {
    out.sources[{address}] = {{source.local}, static_cast<uint16_t>(source.esp_port)};
  });
  return out;
}

std::vector<MacPlace> FastKernel::macs() const {
  std::vector<MacPlace> out;
  each_entry<fastdp_mac, fastdp_place>(map("macs"), [&](const fastdp_mac& key, const fastdp_place& value) {
    MacPlace entry{.mac = {}, .place = value.place, .epoch = value.epoch};
    std::copy_n(key.bytes, 6, entry.mac.bytes.begin());
    out.push_back(entry);
  });
  return out;
}

void FastKernel::set_mac(const Mac& mac, uint32_t place, uint32_t epoch) {
  auto key = to_key(mac);
  fastdp_place value{place, epoch};
  if (bpf_map_update_elem(map("macs"), &key, &value, BPF_ANY) != 0)
    throw errno_error("cannot write to the fast datapath's MAC table");
}

void FastKernel::remove_mac(const Mac& mac) {
  auto key = to_key(mac);
  bpf_map_delete_elem(map("macs"), &key);
}

std::vector<uint64_t> FastKernel::counters() const {
  std::vector<uint64_t> out;
  std::vector<uint64_t> by_cpu(static_cast<size_t>(std::max(libbpf_num_possible_cpus(), 1)));
  for (uint32_t counter = 0; counter < FASTDP_STATISTICS; ++counter) {
    uint64_t sum = 0;
    if (bpf_map_lookup_elem(map("statistics"), &counter, by_cpu.data()) == 0)
      for (auto value : by_cpu) sum += value;
    out.push_back(sum);
  }
  return out;
}

}  // namespace weave::overlay
