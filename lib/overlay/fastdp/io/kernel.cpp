#include "overlay/fastdp/io/kernel.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.hpp"
#include "base/log.hpp"
#include "host/netlink.hpp"
#include "overlay/fastdp/io/object.hpp"

namespace weave::overlay {

namespace fs = std::filesystem;

namespace {

// Ours among the filters of others: interfaces of the underlay aren't ours alone.
constexpr uint32_t kFilterHandle = 1, kFilterPriority = 6783;

// What libbpf has said since the last look: it explains the errno. One thread owns the datapath.
std::string last_words;

int keep_words(libbpf_print_level level, const char* format, va_list arguments) {
  char line[512];
  int size = vsnprintf(line, sizeof line, format, arguments);
  if (level != LIBBPF_WARN || size <= 0) return 0;
  std::string_view text(line, std::min(static_cast<size_t>(size), sizeof line - 1));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  // The verifier's log is long; the last line names the trouble, and the first ones the program.
  if (last_words.size() < 1000) last_words += (last_words.empty() ? "" : "; ") + std::string(text);
  return 0;
}

Error bpf_error(const std::string& attempted, int code) {
  auto words = std::exchange(last_words, {});
  code = std::abs(code);
  auto text = fmt::format("{}: {}", attempted, errno_text(code));
  return Error::with_code(words.empty() ? text : fmt::format("{} ({})", text, words), code);
}

bool is_bpf_filesystem(const fs::path& path) {
  struct statfs found {};
  return statfs(path.c_str(), &found) == 0 && static_cast<uint64_t>(found.f_type) == BPF_FS_MAGIC;
}

// Pins live in a file system of their own, which systemd mounts, and other systems may not.
std::string prepared(const std::string& directory) {
  auto parent = fs::path(directory).parent_path();
  if (!is_bpf_filesystem(parent) && mount("bpf", parent.c_str(), "bpf", 0, "mode=0700") != 0)
    throw errno_error(fmt::format("cannot mount the BPF file system on {}", parent.string()));
  auto versioned = fs::path(directory) / fmt::format("fastdp{}", FASTDP_LAYOUT);
  for (const auto& path : {fs::path(directory), versioned})
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
      throw errno_error(fmt::format("cannot create {}", path.string()));
  return versioned;
}

// Since 6.0 a tunnel key has a local address.
bool kernel_has_local_address() {
  utsname name{};
  int major = 0;
  return uname(&name) == 0 && sscanf(name.release, "%d.", &major) == 1 && major >= 6;
}

bpf_tc_hook hook_of(int link, bpf_tc_attach_point point) {
  bpf_tc_hook hook{};
  hook.sz = sizeof hook;
  hook.ifindex = link;
  hook.attach_point = point;
  return hook;
}

bpf_tc_opts our_filter() {
  bpf_tc_opts filter{};
  filter.sz = sizeof filter;
  filter.handle = kFilterHandle;
  filter.priority = kFilterPriority;
  return filter;
}

void detach_from(int link, bpf_tc_attach_point point) {
  libbpf_set_print(keep_words);
  auto hook = hook_of(link, point);
  auto filter = our_filter();
  bool was_there = bpf_tc_detach(&hook, &filter) == 0;
  last_words.clear();
  if (was_there) host::Netlink().remove_idle_clsact(link);
}

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

struct FastKernel::Ring {
  ring_buffer* buffer = nullptr;
  ~Ring() { ring_buffer__free(buffer); }
};

FastKernel::FastKernel(const std::string& pin_directory, bool direct, bool testing) {
  libbpf_set_print(keep_words);
  last_words.clear();
  auto directory = pin_directory.empty() ? std::string() : prepared(pin_directory);
  auto image = fastdp_object();
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.object_name = "weave";
  auto open = [&] {
    object_ = bpf_object__open_mem(image.data(), image.size(), &options);
    if (!object_) throw bpf_error("cannot read the fast datapath's programs", errno);
    bpf_map* each = nullptr;
    bpf_object__for_each_map(each, object_) {
      size_t size = 0;
      if (bpf_map__is_internal(each)) {
        auto* constants = static_cast<fastdp_constants*>(
            const_cast<void*>(static_cast<const void*>(bpf_map__initial_value(each, &size))));
        if (!constants || size < sizeof *constants) continue;
        constants->direct = direct;
        constants->old_tunnel_key = !kernel_has_local_address();
      } else if (!directory.empty()) {
        bpf_map__set_pin_path(each, (directory + "/" + bpf_map__name(each)).c_str());
      }
    }
    bpf_program* every = nullptr;
    bpf_object__for_each_program(every, object_) {
      std::string_view name = bpf_program__name(every);
      bool wanted = name == "from_container" || name == "from_wire" ? direct : name != "from_tunnel_test" || testing;
      bpf_program__set_autoload(every, wanted);
    }
  };
  auto close = [&] {
    bpf_object__close(object_);
    object_ = nullptr;
  };
  open();
  adopted_ = !directory.empty() && access((directory + "/settings").c_str(), F_OK) == 0;
  int code = bpf_object__load(object_);
  if (code && adopted_) {
    log::warning("fastdp: the maps in {} are replaced: {}", directory, errno_text(-code));
    close();
    unpin(pin_directory);
    directory = prepared(pin_directory);
    adopted_ = false;
    last_words.clear();
    open();
    code = bpf_object__load(object_);
  }
  if (code) {
    close();
    throw bpf_error("cannot load the fast datapath's programs", code);
  }
  ring_ = std::make_unique<Ring>();
  ring_->buffer = ring_buffer__new(
      map("heartbeats"),
      [](void* context, void* data, size_t size) {
        auto& self = *static_cast<FastKernel*>(context);
        fastdp_heartbeat in{};
        if (size < sizeof in || !self.on_heartbeat) return 0;
        std::memcpy(&in, data, sizeof in);
        self.on_heartbeat({.vni = in.vni,
                           .remote = {in.remote},
                           .local = {in.local},
                           .size = in.length,
                           .head = Bytes(in.head, in.head + std::min<size_t>(in.length, sizeof in.head)),
                           .encrypted = in.encrypted != 0});
        return 0;
      },
      this, nullptr);
  if (!ring_->buffer) {
    code = errno;
    ring_.reset();
    close();
    throw bpf_error("cannot read the fast datapath's ring buffer", code);
  }
  if (!adopted_) {
    fastdp_settings fresh{};
    fresh.self = FASTDP_NO_SELF;
    set_settings(fresh);
  }
}

FastKernel::~FastKernel() {
  ring_.reset();
  bpf_object__close(object_);
}

int FastKernel::map(const char* name) const {
  return bpf_object__find_map_fd_by_name(object_, name);
}

int FastKernel::program(const std::string& name) const {
  auto* found = bpf_object__find_program_by_name(object_, name.c_str());
  if (!found || bpf_program__fd(found) < 0) throw Error(fmt::format("the fast datapath has no program {}", name));
  return bpf_program__fd(found);
}

void FastKernel::attach(const std::string& name, int link) {
  attach(name, link, false);
}

void FastKernel::guard(int link) {
  attach("to_wire", link, true);
}

void FastKernel::attach(const std::string& name, int link, bool egress) {
  auto hook = hook_of(link, egress ? BPF_TC_EGRESS : BPF_TC_INGRESS);
  last_words.clear();
  int code = bpf_tc_hook_create(&hook);
  if (code && code != -EEXIST) throw bpf_error(fmt::format("cannot add a tc hook (clsact) to link {}", link), code);
  auto filter = our_filter();
  filter.prog_fd = program(name);
  filter.flags = BPF_TC_F_REPLACE;
  code = bpf_tc_attach(&hook, &filter);
  if (code) throw bpf_error(fmt::format("cannot attach {} to link {}", name, link), code);
}

void FastKernel::unguard(int link) {
  detach_from(link, BPF_TC_EGRESS);
}

void FastKernel::detach(int link) {
  detach_from(link, BPF_TC_INGRESS);
  detach_from(link, BPF_TC_EGRESS);
}

bool FastKernel::attached(int link) {
  libbpf_set_print(keep_words);
  auto hook = hook_of(link, BPF_TC_INGRESS);
  auto filter = our_filter();
  bool found = bpf_tc_query(&hook, &filter) == 0;
  last_words.clear();
  return found;
}

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
  for (uint32_t counter = 0; counter < FASTDP_COUNTERS; ++counter) {
    uint64_t sum = 0;
    if (bpf_map_lookup_elem(map("statistics"), &counter, by_cpu.data()) == 0)
      for (auto value : by_cpu) sum += value;
    out.push_back(sum);
  }
  return out;
}

int FastKernel::heartbeats_fd() const {
  return ring_buffer__epoll_fd(ring_->buffer);
}

void FastKernel::read_heartbeats() {
  ring_buffer__consume(ring_->buffer);
}

FastKernel::Ran FastKernel::run(const std::string& name, ByteView frame, uint32_t vni, Ipv4 remote,
                                uint32_t mark) const {
  Bytes out(frame.size() + 256);
  __sk_buff context{};
  context.cb[0] = vni;
  context.cb[1] = remote.value;
  context.mark = mark;
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  options.data_in = frame.data();
  options.data_size_in = static_cast<uint32_t>(frame.size());
  options.data_out = out.data();
  options.data_size_out = static_cast<uint32_t>(out.size());
  options.ctx_in = &context;
  options.ctx_size_in = sizeof context;
  if (int code = bpf_prog_test_run_opts(program(name), &options)) throw bpf_error("cannot run " + name, code);
  out.resize(options.data_size_out);
  return {static_cast<int>(options.retval), std::move(out)};
}

void FastKernel::unpin(const std::string& pin_directory) {
  std::error_code ignored;
  if (is_bpf_filesystem(pin_directory)) fs::remove_all(pin_directory, ignored);
}

const char* counter_name(size_t counter) {
  static constexpr const char* names[] = {"sent",         "received", "relayed",          "to_sleeve",    "from_sleeve",
                                          "direct",       "pushed",   "popped",           "moved",        "heartbeats",
                                          "source_mac",   "spoofed",  "conflict",         "outer_source", "clear",
                                          "unknown_peer", "own",      "no_route",         "loop",         "local",
                                          "stp",          "no_self",  "heartbeat_unread", "error"};
  static_assert(std::size(names) == FASTDP_COUNTERS);
  return counter < std::size(names) ? names[counter] : "";
}

}  // namespace weave::overlay
