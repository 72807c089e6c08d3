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

}  // namespace

struct FastKernel::Ring {
  ring_buffer* buffer = nullptr;
  ~Ring() { ring_buffer__free(buffer); }
};

FastKernel::FastKernel(const std::string& pin_directory, bool direct, bool testing) : pin_directory_(pin_directory) {
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
    log::warning("the BPF maps cannot be used and are replaced: directory={} reason={}", directory, errno_text(-code));
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

bool FastKernel::attached(int link, bool egress) {
  libbpf_set_print(keep_words);
  auto hook = hook_of(link, egress ? BPF_TC_EGRESS : BPF_TC_INGRESS);
  auto filter = our_filter();
  bool found = bpf_tc_query(&hook, &filter) == 0;
  last_words.clear();
  return found;
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

std::vector<std::pair<int, std::string>> FastKernel::unpinned() const {
  std::vector<std::pair<int, std::string>> out;
  bpf_map* each = nullptr;
  bpf_object__for_each_map(each, object_) {
    const auto* path = bpf_map__pin_path(each);
    if (path && access(path, F_OK) != 0) out.emplace_back(bpf_map__fd(each), path);
  }
  return out;
}

bool FastKernel::pinned() const {
  return unpinned().empty();
}

void FastKernel::pin() {
  auto missing = unpinned();
  if (!missing.empty()) prepared(pin_directory_);
  for (const auto& [map, path] : missing)
    if (int code = bpf_obj_pin(map, path.c_str())) throw bpf_error("cannot pin a map at " + path, code);
}

void FastKernel::unpin(const std::string& pin_directory) {
  std::error_code ignored;
  if (is_bpf_filesystem(pin_directory)) fs::remove_all(pin_directory, ignored);
}

}  // namespace weave::overlay
