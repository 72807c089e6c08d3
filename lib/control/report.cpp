#include "control/report.hpp"

#include <fmt/chrono.h>

#include "base/error.hpp"
#include "control/json.hpp"

namespace weave::control {

std::string rfc3339(std::chrono::system_clock::time_point time) {
  auto whole = std::chrono::floor<std::chrono::seconds>(time);
  auto text = fmt::format("{:%Y-%m-%dT%H:%M:%S}", fmt::gmtime(std::chrono::system_clock::to_time_t(whole)));
  if (auto nanos = std::chrono::nanoseconds(time - whole).count(); nanos != 0) {
    auto fraction = fmt::format(".{:09}", nanos);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += fraction;
  }
  return text + "Z";
}

namespace {

template <class T, class F>
Json list(const std::vector<T>& items, F write) {
  auto out = Json::array();
  for (const auto& item : items) out.push_back(write(item));
  return out;
}

Json write_router(const Router& r) {
  Json diagnostics = Json::object();
  for (const auto& [overlay, text] : r.overlay_diagnostics) {
    auto value = Json::parse(text, nullptr, false);
    diagnostics[overlay] = value.is_discarded() ? Json(text) : value;
  }
  Json capture;
  if (r.capture_stats) capture = *r.capture_stats;
  return {
      {"Protocol", r.protocol},
      {"ProtocolMinVersion", r.protocol_min},
      {"ProtocolMaxVersion", r.protocol_max},
      {"Encryption", r.encryption},
      {"PeerDiscovery", r.peer_discovery},
      {"Name", r.name},
      {"NickName", r.nickname},
      {"Port", r.port},
      {"Peers", list(r.peers,
                     [](const Peer& p) {
                       return Json{{"Name", p.name},
                                   {"NickName", p.nickname},
                                   {"UID", p.uid},
                                   {"ShortID", p.short_id},
                                   {"Version", p.version},
                                   {"Connections", list(p.connections, [](const PeerConnection& c) {
                                      return Json{{"Name", c.name},
                                                  {"NickName", c.nickname},
                                                  {"Address", c.address},
                                                  {"Outbound", c.outbound},
                                                  {"Established", c.established}};
                                    })}};
                     })},
      {"UnicastRoutes", list(r.unicast_routes,
                             [](const UnicastRoute& u) {
                               return Json{{"Dest", u.dest}, {"Via", u.via}};
                             })},
      {"BroadcastRoutes", list(r.broadcast_routes,
                               [](const BroadcastRoute& b) {
                                 return Json{{"Source", b.source}, {"Via", b.via}};
                               })},
      {"Connections", list(r.connections,
                           [](const Connection& c) {
                             Json attrs;
                             for (const auto& [key, value] : c.attrs)
                               std::visit([&, name = key](const auto& v) { attrs[name] = v; }, value);
                             return Json{{"Address", c.address}, {"Outbound", c.outbound},
                                         {"State", c.state},     {"Info", c.info},
                                         {"Attrs", attrs},       {"Since", c.since},
                                         {"Reason", c.reason},   {"LastError", c.last_error},
                                         {"RetryAt", c.retry_at}};
                           })},
      {"TerminationCount", r.termination_count},
      {"Targets", r.targets},
      {"OverlayDiagnostics", diagnostics},
      {"TrustedSubnets", r.trusted_subnets},
      {"Interface", r.interface},
      {"CaptureStats", capture},
      {"MACs",
       list(r.macs,
            [](const MacEntry& m) {
              return Json{{"Mac", m.mac}, {"Name", m.name}, {"NickName", m.nickname}, {"LastSeen", m.last_seen}};
            })},
      {"ServiceID", r.service_id},
      {"Datapath", r.datapath},
  };
}

Json write_ipam(const Ipam& i, bool every_key) {
  Json paxos;
  if (i.paxos)
    paxos = Json{{"Elector", i.paxos->elector}, {"KnownNodes", i.paxos->known_nodes}, {"Quorum", i.paxos->quorum}};
  Json out{{"Paxos", paxos},
           {"Range", i.range},
           {"RangeNumIPs", i.range_size},
           {"ActiveIPs", i.active_ips.value_or(0)},
           {"DefaultSubnet", i.default_subnet},
           {"Entries", list(i.entries,
                            [](const RingEntry& e) {
                              return Json{{"Token", e.token},
                                          {"Size", e.size},
                                          {"Peer", e.peer},
                                          {"Nickname", e.nickname},
                                          {"IsKnownPeer", e.known_peer},
                                          {"Version", e.version}};
                            })},
           {"PendingClaims",
            list(i.pending_claims,
                 [](const PendingClaim& c) {
                   return Json{{"Ident", c.ident}, {"CIDR", Json{{"Addr", c.address}, {"PrefixLen", c.prefix}}}};
                 })},
           {"PendingAllocates", i.pending_allocates}};
  // Ours: only when there is something to say.
  if (every_key || !i.problems.empty()) out["Problems"] = i.problems;
  return out;
}

Json write_dns(const Dns& d) {
  return {{"Domain", d.domain},
          {"Upstream", d.upstream},
          {"Address", d.address},
          {"TTL", d.ttl},
          {"Entries", list(d.entries,
                           [](const DnsEntry& e) {
                             return Json{{"Hostname", e.hostname},        {"Origin", e.origin},
                                         {"ContainerID", e.container_id}, {"Address", e.address},
                                         {"Version", e.version},          {"Tombstone", e.tombstone}};
                           })},
          {"State", d.state}};
}

Json write_plugin(const Plugin& p, bool every_key) {
  Json out{{"Config", Json{{"Socket", p.socket},
                           {"MeshSocket", p.mesh_socket},
                           {"Enable", p.enable},
                           {"DNS", p.dns},
                           {"DefaultSubnet", p.default_subnet}}},
           {"DriverName", p.driver_name}};
  if (every_key || !p.mesh_driver_name.empty()) out["MeshDriverName"] = p.mesh_driver_name;
  out["ServiceID"] = p.service_id;
  out["State"] = p.state;
  out["Since"] = p.since;
  return out;
}

// --- reading

// A field of an object; missing and null leave the default.
template <class T>
void get(const Json& object, const char* key, T& out) {
  if (auto it = object.find(key); it != object.end() && !it->is_null()) it->get_to(out);
}

template <class T, class F>
void get_list(const Json& object, const char* key, std::vector<T>& out, F read) {
  auto it = object.find(key);
  if (it == object.end() || it->is_null()) return;
  if (!it->is_array()) throw Error(fmt::format("not a report: {} is no list", key));
  for (const auto& item : *it) read(item, out.emplace_back());
}

void read_router(const Json& j, Router& r) {
  get(j, "Protocol", r.protocol);
  get(j, "ProtocolMinVersion", r.protocol_min);
  get(j, "ProtocolMaxVersion", r.protocol_max);
  get(j, "Encryption", r.encryption);
  get(j, "PeerDiscovery", r.peer_discovery);
  get(j, "Name", r.name);
  get(j, "NickName", r.nickname);
  get(j, "Port", r.port);
  get_list(j, "Peers", r.peers, [](const Json& p, Peer& peer) {
    get(p, "Name", peer.name);
    get(p, "NickName", peer.nickname);
    get(p, "UID", peer.uid);
    get(p, "ShortID", peer.short_id);
    get(p, "Version", peer.version);
    get_list(p, "Connections", peer.connections, [](const Json& c, PeerConnection& connection) {
      get(c, "Name", connection.name);
      get(c, "NickName", connection.nickname);
      get(c, "Address", connection.address);
      get(c, "Outbound", connection.outbound);
      get(c, "Established", connection.established);
    });
  });
  get_list(j, "UnicastRoutes", r.unicast_routes, [](const Json& u, UnicastRoute& route) {
    get(u, "Dest", route.dest);
    get(u, "Via", route.via);
  });
  get_list(j, "BroadcastRoutes", r.broadcast_routes, [](const Json& b, BroadcastRoute& route) {
    get(b, "Source", route.source);
    get(b, "Via", route.via);
  });
  get_list(j, "Connections", r.connections, [](const Json& c, Connection& connection) {
    get(c, "Address", connection.address);
    get(c, "Outbound", connection.outbound);
    get(c, "State", connection.state);
    get(c, "Info", connection.info);
    if (auto attrs = c.find("Attrs"); attrs != c.end() && attrs->is_object()) {
      for (const auto& [key, value] : attrs->items()) {
        if (value.is_boolean())
          connection.attrs[key] = value.get<bool>();
        else if (value.is_number())
          connection.attrs[key] = value.get<int64_t>();
        else
          connection.attrs[key] = value.is_string() ? value.get<std::string>() : value.dump();
      }
    }
    get(c, "Since", connection.since);
    get(c, "Reason", connection.reason);
    get(c, "LastError", connection.last_error);
    get(c, "RetryAt", connection.retry_at);
  });
  get(j, "TerminationCount", r.termination_count);
  get(j, "Targets", r.targets);
  if (auto overlays = j.find("OverlayDiagnostics"); overlays != j.end() && overlays->is_object())
    for (const auto& [overlay, value] : overlays->items()) r.overlay_diagnostics[overlay] = value.dump();
  get(j, "TrustedSubnets", r.trusted_subnets);
  get(j, "Interface", r.interface);
  get(j, "Datapath", r.datapath);
  if (auto capture = j.find("CaptureStats"); capture != j.end() && capture->is_object())
    r.capture_stats = capture->get<std::map<std::string, int64_t>>();
  get_list(j, "MACs", r.macs, [](const Json& m, MacEntry& mac) {
    get(m, "Mac", mac.mac);
    get(m, "Name", mac.name);
    get(m, "NickName", mac.nickname);
    get(m, "LastSeen", mac.last_seen);
  });
  get(j, "ServiceID", r.service_id);
}

void read_ipam(const Json& j, Ipam& i) {
  if (auto paxos = j.find("Paxos"); paxos != j.end() && paxos->is_object()) {
    i.paxos.emplace();
    get(*paxos, "Elector", i.paxos->elector);
    get(*paxos, "KnownNodes", i.paxos->known_nodes);
    get(*paxos, "Quorum", i.paxos->quorum);
  }
  get(j, "Range", i.range);
  get(j, "RangeNumIPs", i.range_size);
  if (auto active = j.find("ActiveIPs"); active != j.end()) i.active_ips = active->get<uint64_t>();
  get(j, "DefaultSubnet", i.default_subnet);
  get_list(j, "Entries", i.entries, [](const Json& e, RingEntry& entry) {
    get(e, "Token", entry.token);
    get(e, "Size", entry.size);
    get(e, "Peer", entry.peer);
    get(e, "Nickname", entry.nickname);
    get(e, "IsKnownPeer", entry.known_peer);
    get(e, "Version", entry.version);
  });
  get_list(j, "PendingClaims", i.pending_claims, [](const Json& c, PendingClaim& claim) {
    get(c, "Ident", claim.ident);
    if (auto cidr = c.find("CIDR"); cidr != c.end()) {
      get(*cidr, "Addr", claim.address);
      get(*cidr, "PrefixLen", claim.prefix);
    }
  });
  get(j, "PendingAllocates", i.pending_allocates);
  get(j, "Problems", i.problems);
}

void read_dns(const Json& j, Dns& d) {
  get(j, "Domain", d.domain);
  get(j, "Upstream", d.upstream);
  get(j, "Address", d.address);
  get(j, "TTL", d.ttl);
  get_list(j, "Entries", d.entries, [](const Json& e, DnsEntry& entry) {
    get(e, "Hostname", entry.hostname);
    get(e, "Origin", entry.origin);
    get(e, "ContainerID", entry.container_id);
    get(e, "Address", entry.address);
    get(e, "Version", entry.version);
    get(e, "Tombstone", entry.tombstone);
  });
  get(j, "State", d.state);
}

void read_plugin(const Json& j, Plugin& p) {
  if (auto config = j.find("Config"); config != j.end()) {
    get(*config, "Socket", p.socket);
    get(*config, "MeshSocket", p.mesh_socket);
    get(*config, "Enable", p.enable);
    get(*config, "DNS", p.dns);
    get(*config, "DefaultSubnet", p.default_subnet);
  }
  get(j, "DriverName", p.driver_name);
  get(j, "MeshDriverName", p.mesh_driver_name);
  get(j, "ServiceID", p.service_id);
  get(j, "State", p.state);
  get(j, "Since", p.since);
}

}  // namespace

Json json_value(const Report& r, bool every_key) {
  const auto& check = r.version_check;
  Json out{{"Ready", r.ready},
           {"Version", r.version},
           {"VersionCheck", Json{{"Enabled", check.enabled},
                                 {"Success", check.success},
                                 {"NewVersion", check.new_version},
                                 {"NextCheckAt", check.next_check_at}}},
           {"Router", write_router(r.router)}};
  auto part = [&](const char* key, bool on, auto write) {
    if (on)
      out[key] = write();
    else if (every_key)
      out[key] = nullptr;
  };
  part("IPAM", r.ipam.has_value(), [&] { return write_ipam(*r.ipam, every_key); });
  part("DNS", r.dns.has_value(), [&] { return write_dns(*r.dns); });
  part("Proxy", r.proxy.has_value(), [&] { return Json{{"Addresses", r.proxy->addresses}}; });
  part("Plugin", r.plugin.has_value(), [&] { return write_plugin(*r.plugin, every_key); });
  return out;
}

std::string to_json(const Report& report) {
  return json_text(json_value(report, false), 4);
}

Report from_json(std::string_view text) {
  try {
    auto j = Json::parse(text);
    Report r;
    get(j, "Ready", r.ready);
    get(j, "Version", r.version);
    if (auto check = j.find("VersionCheck"); check != j.end()) {
      get(*check, "Enabled", r.version_check.enabled);
      get(*check, "Success", r.version_check.success);
      get(*check, "NewVersion", r.version_check.new_version);
      get(*check, "NextCheckAt", r.version_check.next_check_at);
    }
    read_router(j.at("Router"), r.router);
    if (j.contains("IPAM") && !j["IPAM"].is_null()) read_ipam(j["IPAM"], r.ipam.emplace());
    if (j.contains("DNS") && !j["DNS"].is_null()) read_dns(j["DNS"], r.dns.emplace());
    if (j.contains("Proxy") && !j["Proxy"].is_null()) get(j["Proxy"], "Addresses", r.proxy.emplace().addresses);
    if (j.contains("Plugin") && !j["Plugin"].is_null()) read_plugin(j["Plugin"], r.plugin.emplace());
    return r;
  } catch (const nlohmann::json::exception& e) {
    throw Error(fmt::format("not a report: {}", e.what()));
  }
}

}  // namespace weave::control
