#include "control/metrics.hpp"

#include "control/text.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace weave::control {
namespace {

// The value of a label, with the escapes of the text format.
std::string escaped(std::string_view value) {
  std::string out;
  for (char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

class Writer {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  template <class V>
  void sample(V value, std::initializer_list<std::pair<std::string_view, std::string_view>> labels = {}) {
    std::string text;
    for (const auto& [label, content] : labels)
      text += fmt::format("{}{}=\"{}\"", text.empty() ? "" : ",", label, escaped(content));
    out_ += text.empty() ? fmt::format("{} {}\n", name_, value) : fmt::format("{}{{{}}} {}\n", name_, text, value);
  }
  template <class V>
  void single(std::string_view name, std::string_view type, std::string_view help, V value) {
    family(name, type, help);
    sample(value);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string name_, out_;
};

constexpr const char* kUnknown = "unknown";

void connections(Writer& out, const Report& report) {
  std::map<std::tuple<std::string, std::string, bool>, int> counts;  // state, type, encrypted
  for (const auto& c : report.router.connections) {
    if (is_own_address(c)) continue;
    auto name = c.attrs.find("name");
    auto encrypted = c.attrs.find("encrypted");
    const auto* type = name == c.attrs.end() ? nullptr : std::get_if<std::string>(&name->second);
    const auto* flag = encrypted == c.attrs.end() ? nullptr : std::get_if<bool>(&encrypted->second);
    ++counts[{c.state, type != nullptr ? *type : kUnknown, flag != nullptr && *flag}];
  }
  // Of a target the overlay isn't known: such rows are shown only where they count something.
  std::set<std::string> types;
  for (const auto& [key, n] : counts)
    if (std::get<1>(key) != kUnknown) types.insert(std::get<1>(key));
  bool none = types.empty();
  types.insert(kUnknown);
  out.family("weave_connections", "gauge", "Number of peer-to-peer connections.");
  for (bool encrypted : {false, true})
    for (auto state : {"connecting", "established", "failed", "pending", "retrying"})
      for (const auto& type : types)
        if (none || type != kUnknown || counts[{state, type, false}] + counts[{state, type, true}] > 0)
          out.sample(counts[{state, type, encrypted}],
                     {{"encryption", encrypted ? "yes" : ""}, {"state", state}, {"type", type}});
}

void ipam(Writer& out, const Report& report) {
  if (!report.ipam) return;
  std::set<PeerName> owners;
  uint64_t size = 0;
  for (const auto& entry : report.ipam->entries) {
    if (entry.known_peer) continue;
    owners.insert(entry.peer);
    size += entry.size;
  }
  auto range = report.ipam->range_size;
  out.single("weave_ipam_pending_allocates", "gauge", "Number of pending allocates.",
             report.ipam->pending_allocates.size());
  out.single("weave_ipam_pending_claims", "gauge", "Number of pending claims.", report.ipam->pending_claims.size());
  out.single("weave_ipam_unreachable_count", "gauge", "Number of unreachable peers.", owners.size());
  out.single("weave_ipam_unreachable_percentage", "gauge", "Percentage of IP addresses owned  by unreachable peers.",
             range == 0 ? 0.0 : 100.0 * static_cast<double>(size) / static_cast<double>(range));
  out.family("weave_ips", "gauge", "Number of IP addresses.");
  out.sample(report.ipam->active_ips.value_or(0), {{"state", "local-used"}});
  out.single("weave_max_ips", "gauge", "Size of IP address space used by allocator.", range);
}

void overlays(Writer& out, const Counters& counters) {
  if (counters.overlays.empty()) return;
  out.family("weave_overlay_bytes_total", "counter", "Bytes carried by the overlay.");
  for (const auto& [key, traffic] : counters.overlays)
    if (traffic.bytes) out.sample(*traffic.bytes, {{"direction", key.second}, {"overlay", key.first}});
  out.family("weave_overlay_drops_total", "counter", "Frames and packets dropped by the overlay.");
  for (const auto& [key, n] : counters.drops) out.sample(n, {{"overlay", key.first}, {"reason", key.second}});
  out.family("weave_overlay_packets_total", "counter", "Packets carried by the overlay.");
  for (const auto& [key, traffic] : counters.overlays)
    out.sample(traffic.packets, {{"direction", key.second}, {"overlay", key.first}});
}

}  // namespace

std::string metrics(const Report& report, const Counters& counters) {
  Writer out;
  out.family("weave_build_info", "gauge", "Constant 1 with the version as label.");
  out.sample(1, {{"version", report.version}});
  out.single("weave_connection_terminations_total", "counter", "Number of peer-to-peer connections terminated.",
             report.router.termination_count);
  connections(out, report);
  if (report.dns) {
    auto own = std::count_if(report.dns->entries.begin(), report.dns->entries.end(),
                             [&](auto& e) { return e.tombstone == 0 && e.origin == report.router.name; });
    out.single("weave_dns_entries", "gauge", "Number of DNS entries.", own);
  }
  if (!counters.dns_queries.empty()) {
    out.family("weave_dns_queries_total", "counter", "Number of DNS queries answered, by result.");
    for (const auto& [result, n] : counters.dns_queries) out.sample(n, {{"result", result}});
  }
  if (counters.flows) out.single("weave_flows", "gauge", "Number of FastDP flows.", *counters.flows);
  if (!counters.gossip.empty()) {
    out.family("weave_gossip_messages_total", "counter", "Number of gossip messages.");
    for (const auto& [key, n] : counters.gossip) out.sample(n, {{"channel", key.first}, {"direction", key.second}});
  }
  ipam(out, report);
  overlays(out, counters);
  out.single("weave_peers", "gauge", "Number of known peers, with this one.", report.router.peers.size());
  if (!counters.service_restarts.empty()) {
    out.family("weave_service_restarts_total", "counter", "Number of restarts by supervision.");
    for (const auto& [service, n] : counters.service_restarts) out.sample(n, {{"service", service}});
  }
  if (!counters.services_up.empty()) {
    out.family("weave_service_up", "gauge", "Whether the service runs.");
    for (const auto& [service, up] : counters.services_up) out.sample(up ? 1 : 0, {{"service", service}});
  }
  return out.take();
}

std::string process_metrics() {
  Writer out;
  // Fields after the command's closing parenthesis, which may itself hold blanks: state is the first.
  std::ifstream stat_file("/proc/self/stat");
  std::string stat((std::istreambuf_iterator<char>(stat_file)), {});
  std::vector<std::string> fields;
  if (auto end = stat.rfind(')'); end != std::string::npos) {
    std::istringstream in(stat.substr(end + 1));
    for (std::string field; in >> field;) fields.push_back(field);
  }
  auto field = [&](size_t number) {  // as numbered in proc(5), from 3
    return number - 3 < fields.size() ? std::strtod(fields[number - 3].c_str(), nullptr) : 0.0;
  };
  auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  if (!fields.empty())
    out.single("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.",
               (field(14) + field(15)) / ticks);
  if (rlimit limit{}; getrlimit(RLIMIT_NOFILE, &limit) == 0)
    out.single("process_max_fds", "gauge", "Maximum number of open file descriptors.", limit.rlim_cur);
  std::error_code error;
  if (std::filesystem::directory_iterator open_files("/proc/self/fd", error); !error)
    out.single("process_open_fds", "gauge", "Number of open file descriptors.",
               std::distance(std::filesystem::begin(open_files), std::filesystem::end(open_files)));
  if (!fields.empty()) {
    out.single("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
               static_cast<uint64_t>(field(24)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
    std::ifstream boot("/proc/stat");
    for (std::string line; std::getline(boot, line);)
      if (line.starts_with("btime "))
        out.single("process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.",
                   std::strtod(line.c_str() + 6, nullptr) + field(22) / ticks);
    out.single("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.",
               static_cast<uint64_t>(field(23)));
  }
  return out.take();
}

}  // namespace weave::control
