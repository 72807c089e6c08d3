#include "control/text.hpp"

#include <fmt/chrono.h>
#include <strings.h>

#include <ctime>

#include "address/mac.hpp"

namespace weave::control {
namespace {

constexpr std::array kStates{"established", "pending", "retrying", "failed", "connecting"};

size_t state_rank(std::string_view state) {
  return static_cast<size_t>(std::find(kStates.begin(), kStates.end(), state) - kStates.begin());
}

std::string line(std::string_view label, std::string_view value) {
  return fmt::format("{:>15}: {}\n", label, value);
}

std::string joined(const std::vector<std::string>& items, std::string_view otherwise) {
  return items.empty() ? std::string(otherwise) : fmt::format("{}", fmt::join(items, ", "));
}

std::string_view enabled(bool on) {
  return on ? "enabled" : "disabled";
}

// The line below the name of a service that isn't running.
std::string trouble(const std::string& state) {
  return state.empty() || state == "running" ? std::string() : line("Status", state);
}

std::string connection_counts(std::vector<Connection> connections) {
  std::erase_if(connections, is_own_address);
  if (connections.empty()) return "0";
  std::vector<std::string> counts;
  for (auto state : kStates) {
    auto n = std::count_if(connections.begin(), connections.end(), [&](auto& c) { return c.state == state; });
    if (n != 0) counts.push_back(fmt::format("{} {}", n, state));
  }
  return fmt::format("{} ({})", connections.size(), fmt::join(counts, ", "));
}

std::string peer_counts(const std::vector<Peer>& peers) {
  size_t established = 0, pending = 0;
  for (const auto& peer : peers)
    for (const auto& connection : peer.connections) ++(connection.established ? established : pending);
  std::vector<std::string> counts;
  if (established != 0) counts.push_back(fmt::format("{} established", established));
  if (pending != 0) counts.push_back(fmt::format("{} pending", pending));
  if (counts.empty()) return std::to_string(peers.size());
  return fmt::format("{} (with {} connections)", peers.size(), fmt::join(counts, ", "));
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

// The host name without ".<domain>", which may be written in any case.
std::string_view short_name(std::string_view hostname, std::string_view domain) {
  if (hostname.size() > domain.size() + 1 && hostname[hostname.size() - domain.size() - 1] == '.') {
    auto tail = hostname.substr(hostname.size() - domain.size());
    if (strncasecmp(tail.data(), domain.data(), domain.size()) == 0)
      return hostname.substr(0, hostname.size() - domain.size() - 1);
  }
  return hostname;
}

std::string attribute_text(const Attribute& value) {
  return std::visit([](const auto& v) { return fmt::format("{}", v); }, value);
}

}  // namespace

bool is_own_address(const Connection& connection) {
  return connection.state == "failed" && connection.info.starts_with(kOwnAddress);
}

std::string version_check_text(const VersionCheck& check) {
  if (!check.enabled) return "version check update disabled";
  if (!check.new_version.empty()) return fmt::format("version {} available - please upgrade!", check.new_version);
  std::string next = check.next_check_at;
  std::tm tm{};
  if (strptime(next.c_str(), "%Y-%m-%dT%H:%M:%S", &tm) != nullptr)
    next = fmt::format("{:%Y/%m/%d %H:%M:%S}", fmt::localtime(timegm(&tm)));
  return fmt::format("{}; next check at {}", check.success ? "up to date" : "failed to check latest version - see logs",
                     next);
}

std::string ipam_state(const Ipam& ipam) {
  if (!ipam.entries.empty()) {
    bool reachable =
        std::any_of(ipam.entries.begin(), ipam.entries.end(), [](auto& e) { return e.size > 0 && e.known_peer; });
    if (!reachable) return "all IP ranges owned by unreachable peers - use 'rmpeer' if they are dead";
    return ipam.pending_allocates.empty() ? "ready" : "waiting for IP(s) to become available";
  }
  if (!ipam.paxos) return "idle";
  if (!ipam.paxos->elector) return "priming";
  return fmt::format("awaiting consensus (quorum: {}, known: {})", ipam.paxos->quorum, ipam.paxos->known_nodes);
}

std::string connected_info(std::optional<bool> encrypted, std::string_view overlay, PeerName peer,
                           std::string_view nickname) {
  return fmt::format("{}{:<6} {}({})",
                     encrypted ? fmt::format("{:<11} ", *encrypted ? "encrypted" : "unencrypted") : "",
                     overlay.empty() ? "none" : overlay, peer.str(), nickname);
}

std::string target_info(std::string_view state, std::string_view reason, std::optional<WallTime> retry_at) {
  // As Go prints a time.
  auto when = retry_at ? fmt::format("{:%Y-%m-%d %H:%M:%S} +0000 UTC",
                                     fmt::gmtime(std::chrono::system_clock::to_time_t(*retry_at)))
                       : "never";
  if (state == "failed") return fmt::format("{}, retry: {}", reason, when);
  if (state == "waiting") return "until: " + when;
  return std::string(reason);
}

std::string status(const Report& report) {
  const auto& r = report.router;
  auto out = line("Version", fmt::format("{} ({})", report.version, version_check_text(report.version_check)));
  out += "\n" + line("Service", "router");
  out += line("Protocol", r.protocol_min == r.protocol_max
                              ? fmt::format("{} {}", r.protocol, r.protocol_max)
                              : fmt::format("{} {}..{}", r.protocol, r.protocol_min, r.protocol_max));
  out += line("Name", fmt::format("{}({})", r.name.str(), r.nickname));
  out += line("Encryption", enabled(r.encryption));
  out += line("PeerDiscovery", enabled(r.peer_discovery));
  out += line("Targets", std::to_string(r.targets.size()));
  out += line("Connections", connection_counts(r.connections));
  out += line("Peers", peer_counts(r.peers));
  out += line("TrustedSubnets", joined(r.trusted_subnets, "none"));
  if (!r.datapath.empty()) out += line("Datapath", r.datapath);
  for (const auto& problem : r.problems) out += line("Problem", problem);
  // What other programs remove: an operator wants to know who.
  for (const auto& one : r.restored)
    out += line("Restored", fmt::format("{} ({}last {})", one.item,
                                        one.times > 1 ? fmt::format("{} times, ", one.times) : "", rfc3339(one.last)));
  if (const auto& ipam = report.ipam) {
    out += "\n" + line("Service", "ipam");
    out += line("Status", ipam_state(*ipam));
    out += line("Range", ipam->range.str());
    out += line("DefaultSubnet", ipam->default_subnet.str());
  }
  if (const auto& dns = report.dns) {
    auto live = std::count_if(dns->entries.begin(), dns->entries.end(), [](auto& e) { return e.tombstone == 0; });
    out += "\n" + line("Service", "dns") + trouble(dns->state);
    out += line("Domain", dns->domain);
    out += line("Upstream", joined(dns->upstream, "none"));
    out += line("TTL", std::to_string(dns->ttl));
    out += line("Entries", std::to_string(live));
  }
  if (const auto& proxy = report.proxy) {
    out += "\n" + line("Service", "proxy");
    out += line("Address", joined(proxy->addresses, ""));
  }
  if (const auto& plugin = report.plugin) {
    out += "\n" + line("Service", "plugin") + trouble(plugin->state);
    out += line("DriverName", plugin->driver_name);
  }
  return out;
}

std::string status_targets(const Report& report) {
  std::string out;
  for (const auto& target : report.router.targets) out += target + "\n";
  return out;
}

std::string status_connections(const Report& report) {
  std::vector<const Connection*> order;
  for (const auto& connection : report.router.connections) order.push_back(&connection);
  std::stable_sort(order.begin(), order.end(), [](auto* a, auto* b) {
    return std::pair(state_rank(a->state), a->address) < std::pair(state_rank(b->state), b->address);
  });
  std::string out;
  for (const auto* c : order) {
    std::vector<std::string> attrs;
    for (const auto& [key, value] : c->attrs)
      if (key != "name") attrs.push_back(key + "=" + attribute_text(value));
    if (!c->reason.empty())
      attrs.push_back(c->since ? fmt::format("({}, since {})", c->reason, rfc3339(*c->since))
                               : fmt::format("({})", c->reason));
    out += fmt::format("{} {:<21} {:<11} {} {}\n", c->outbound ? "->" : "<-", c->address, c->state, c->info,
                       fmt::join(attrs, " "));
  }
  return out;
}

std::string status_peers(const Report& report) {
  std::vector<const Peer*> order;
  for (const auto& peer : report.router.peers) order.push_back(&peer);
  std::stable_sort(order.begin(), order.end(), [&](auto* a, auto* b) {
    return std::pair(a->name != report.router.name, a->name) < std::pair(b->name != report.router.name, b->name);
  });
  std::string out;
  for (const auto* peer : order) {
    out += fmt::format("{}({})\n", peer->name.str(), peer->nickname);
    for (const auto& c : peer->connections)
      out += fmt::format("   {} {:<21} {:<37} {}\n", c.outbound ? "->" : "<-", c.address,
                         fmt::format("{}({})", c.name.str(), c.nickname), c.established ? "established" : "pending");
  }
  return out;
}

std::string status_dns(const Report& report) {
  if (!report.dns) return {};
  using Key = std::tuple<std::string, uint64_t, std::string, std::string>;
  std::vector<std::pair<Key, const DnsEntry*>> order;
  for (const auto& e : report.dns->entries) {
    if (e.tombstone != 0) continue;
    order.emplace_back(Key{lower(e.hostname), e.origin.value, e.container_id, e.address.str()}, &e);
  }
  std::stable_sort(order.begin(), order.end(), [](auto& a, auto& b) { return a.first < b.first; });
  std::string out;
  for (const auto& [key, e] : order)
    out += fmt::format("{:<12} {:<15} {:>12.12} {}\n", short_name(e->hostname, report.dns->domain), e->address.str(),
                       e->container_id, e->origin.str());
  return out;
}

std::string status_ipam(const Report& report) {
  if (!report.ipam) return {};
  struct Owner {
    std::string nickname;
    uint64_t size = 0;
    bool known = true;
  };
  const auto& ipam = *report.ipam;
  std::map<std::pair<bool, PeerName>, Owner> owners;  // this peer first, then by name
  for (const auto& e : ipam.entries) {
    auto& owner = owners[{e.peer != report.router.name, e.peer}];
    owner.nickname = e.nickname;
    owner.size += e.size;
    owner.known = e.known_peer;
  }
  std::string out;
  for (const auto& [key, owner] : owners) {
    std::string rest;
    if (!key.first)
      rest = ipam.active_ips ? fmt::format("({} active)", *ipam.active_ips) : "";
    else if (!owner.known)
      rest = "- unreachable!";
    double percent =
        ipam.range_size == 0 ? 0 : 100.0 * static_cast<double>(owner.size) / static_cast<double>(ipam.range_size);
    out += fmt::format("{:<37} {:>8} IPs ({:04.1f}% of total) {}\n",
                       fmt::format("{}({})", key.second.str(), owner.nickname), owner.size, percent, rest);
  }
  for (const auto& problem : ipam.problems) out += "PROBLEM: " + problem + "\n";
  return out;
}

std::string status_plugin(const Report& report) {
  if (!report.plugin) return {};
  const auto& p = *report.plugin;
  auto out = line("Service", "plugin");
  auto optional_line = [&](std::string_view label, const std::string& value) {
    if (!value.empty()) out += line(label, value);
  };
  optional_line("ServiceID", p.service_id);
  optional_line("State", p.state);
  if (p.since) out += line("Since", rfc3339(*p.since));
  out += line("DriverName", p.driver_name);
  optional_line("Socket", p.socket);
  optional_line("MeshDriverName", p.mesh_driver_name);
  optional_line("MeshSocket", p.mesh_socket);
  out += line("DNS", enabled(p.dns));
  optional_line("DefaultSubnet", p.default_subnet);
  return out;
}

}  // namespace weave::control
