#include "control/report.hpp"

#include <fmt/chrono.h>

#include <charconv>
#include <concepts>

#include "control/json.hpp"

namespace weave::control {

std::string rfc3339(WallTime time) {
  auto whole = std::chrono::floor<std::chrono::seconds>(time);
  auto text = fmt::format("{:%Y-%m-%dT%H:%M:%S}", fmt::gmtime(std::chrono::system_clock::to_time_t(whole)));
  if (auto nanos = std::chrono::nanoseconds(time - whole).count(); nanos != 0) {
    auto fraction = fmt::format(".{:09}", nanos);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += fraction;
  }
  return text + "Z";
}

Result<WallTime> parse_rfc3339(std::string_view text) {
  auto refused = Refused("not a time (RFC 3339)");
  std::string copy(text);
  std::tm fields{};
  const char* rest = strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &fields);
  if (rest == nullptr || fields.tm_year < 1678 - 1900 || fields.tm_year > 2261 - 1900) return refused;
  auto time = WallTime(std::chrono::seconds(timegm(&fields)));
  std::string_view tail(rest);
  if (tail.starts_with('.')) {
    auto digits = tail.substr(1, tail.find_first_not_of("0123456789", 1) - 1);
    if (digits.empty() || digits.size() > 9) return refused;
    int64_t nanos = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), nanos);
    for (auto i = digits.size(); i < 9; ++i) nanos *= 10;
    time += std::chrono::nanoseconds(nanos);
    tail.remove_prefix(1 + digits.size());
  }
  if (tail == "Z") return time;
  int hours = 0, minutes = 0;
  auto number = [&](size_t at, int& value) {
    auto [end, code] = std::from_chars(tail.data() + at, tail.data() + at + 2, value);
    return code == std::errc() && end == tail.data() + at + 2;
  };
  bool offset = tail.size() == 6 && (tail[0] == '+' || tail[0] == '-') && tail[3] == ':' && number(1, hours) &&
                number(4, minutes) && hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60;
  if (!offset) return refused;
  auto east = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  return tail[0] == '+' ? time - east : time + east;
}

namespace {

template <class T, class U>
concept Is = std::same_as<std::remove_const_t<T>, U>;

// -- The fields of each part, once for writing and reading. `v(key, field)`: always written; `v.given(key, field)`:
// left out when empty, except with every_key.

void describe(auto& v, Is<PeerConnection> auto& c) {
  v("Name", c.name);
  v("NickName", c.nickname);
  v("Address", c.address);
  v("Outbound", c.outbound);
  v("Established", c.established);
}

void describe(auto& v, Is<Peer> auto& p) {
  v("Name", p.name);
  v("NickName", p.nickname);
  v("UID", p.uid);
  v("ShortID", p.short_id);
  v("Version", p.version);
  v("Connections", p.connections);
}

void describe(auto& v, Is<UnicastRoute> auto& r) {
  v("Dest", r.dest);
  v("Via", r.via);
}

void describe(auto& v, Is<BroadcastRoute> auto& r) {
  v("Source", r.source);
  v("Via", r.via);
}

void describe(auto& v, Is<Connection> auto& c) {
  v("Address", c.address);
  v("Outbound", c.outbound);
  v("State", c.state);
  v("Info", c.info);
  v("Attrs", c.attrs);
  v("Since", c.since);
  v("Reason", c.reason);
  v("LastError", c.last_error);
  v("RetryAt", c.retry_at);
}

void describe(auto& v, Is<MacEntry> auto& m) {
  v("Mac", m.mac);
  v("Name", m.name);
  v("NickName", m.nickname);
  v("LastSeen", m.last_seen);
}

void describe(auto& v, Is<Restored> auto& r) {
  v("Item", r.item);
  v("Times", r.times);
  v("Last", r.last);
}

void describe(auto& v, Is<Router> auto& r) {
  v("Protocol", r.protocol);
  v("ProtocolMinVersion", r.protocol_min);
  v("ProtocolMaxVersion", r.protocol_max);
  v("Encryption", r.encryption);
  v("PeerDiscovery", r.peer_discovery);
  v("Name", r.name);
  v("NickName", r.nickname);
  v("Port", r.port);
  v("Peers", r.peers);
  v("UnicastRoutes", r.unicast_routes);
  v("BroadcastRoutes", r.broadcast_routes);
  v("Connections", r.connections);
  v("TerminationCount", r.termination_count);
  v("Targets", r.targets);
  v("OverlayDiagnostics", r.overlay_diagnostics);
  v("TrustedSubnets", r.trusted_subnets);
  v("Interface", r.interface);
  v("CaptureStats", r.capture_stats);
  v("MACs", r.macs);
  v("ServiceID", r.service_id);
  v("Datapath", r.datapath);
  v("Restored", r.restored);
  v("Warnings", r.problems);
}

void describe(auto& v, Is<Paxos> auto& p) {
  v("Elector", p.elector);
  v("KnownNodes", p.known_nodes);
  v("Quorum", p.quorum);
}

void describe(auto& v, Is<RingEntry> auto& e) {
  v("Token", e.token);
  v("Size", e.size);
  v("Peer", e.peer);
  v("Nickname", e.nickname);
  v("IsKnownPeer", e.known_peer);
  v("Version", e.version);
}

void describe(auto& v, Is<PendingClaim> auto& c) {
  v("Ident", c.ident);
  v.part("CIDR", [&](auto& in) {
    in("Addr", c.cidr.address);
    in("PrefixLen", c.cidr.prefix);
  });
}

void describe(auto& v, Is<Ipam> auto& i) {
  v("Paxos", i.paxos);
  v("Range", i.range);
  v("RangeNumIPs", i.range_size);
  v("ActiveIPs", i.active_ips);
  v("DefaultSubnet", i.default_subnet);
  v("Entries", i.entries);
  v("PendingClaims", i.pending_claims);
  v("PendingAllocates", i.pending_allocates);
  v.given("Problems", i.problems);
}

void describe(auto& v, Is<DnsEntry> auto& e) {
  v("Hostname", e.hostname);
  v("Origin", e.origin);
  v("ContainerID", e.container_id);
  v("Address", e.address);
  v("Version", e.version);
  v("Tombstone", e.tombstone);
}

void describe(auto& v, Is<Dns> auto& d) {
  v("Domain", d.domain);
  v("Upstream", d.upstream);
  v("Address", d.address);
  v("TTL", d.ttl);
  v("Entries", d.entries);
  v("State", d.state);
}

void describe(auto& v, Is<Proxy> auto& p) {
  v("Addresses", p.addresses);
}

void describe(auto& v, Is<Plugin> auto& p) {
  v.part("Config", [&](auto& in) {
    in("Socket", p.socket);
    in("MeshSocket", p.mesh_socket);
    in("Enable", p.enable);
    in("DNS", p.dns);
    in("DefaultSubnet", p.default_subnet);
  });
  v("DriverName", p.driver_name);
  v.given("MeshDriverName", p.mesh_driver_name);
  v("ServiceID", p.service_id);
  v("State", p.state);
  v("Since", p.since);
}

void describe(auto& v, Is<VersionCheck> auto& c) {
  v("Enabled", c.enabled);
  v("Success", c.success);
  v("NewVersion", c.new_version);
  v("NextCheckAt", c.next_check_at);
}

void describe(auto& v, Is<Report> auto& r) {
  v("Ready", r.ready);
  v("Version", r.version);
  v("VersionCheck", r.version_check);
  v("Router", r.router);
  v.given("IPAM", r.ipam);
  v.given("DNS", r.dns);
  v.given("Proxy", r.proxy);
  v.given("Plugin", r.plugin);
}

using Attributes = std::map<std::string, Attribute>;

// -- Writing.

struct JsonWriter {
  explicit JsonWriter(bool every) : every_key(every) {}

  template <class T>
  void operator()(const char* key, const T& field) {
    object[key] = value(field);
  }
  template <class T>
  void given(const char* key, const T& field) {
    bool empty = [&] {
      if constexpr (requires { field.empty(); })
        return field.empty();
      else
        return !field.has_value();
    }();
    if (!empty || every_key) object[key] = value(field);
  }
  void part(const char* key, auto fields) {
    JsonWriter in(every_key);
    fields(in);
    object[key] = std::move(in.object);
  }

  Json value(const PeerName& name) const { return name.str(); }
  Json value(const Ipv4& address) const { return address.str(); }
  Json value(const Cidr& cidr) const { return cidr.str(); }
  Json value(const Mac& mac) const { return mac.str(); }
  Json value(const WallTime& time) const { return rfc3339(time); }
  // Weave Net's report has no such fields: an empty text is simpler to read than null.
  Json value(const std::optional<WallTime>& time) const { return time ? rfc3339(*time) : ""; }
  Json value(const Attributes& attributes) const {
    Json out;
    for (const auto& [key, attribute] : attributes)
      std::visit([&, name = key](const auto& v) { out[name] = v; }, attribute);
    return out;
  }
  template <class T>
  Json value(const std::optional<T>& field) const {
    return field ? value(*field) : Json();
  }
  template <class T>
  Json value(const std::vector<T>& list) const {
    auto out = Json::array();
    for (const auto& item : list) out.push_back(value(item));
    return out;
  }
  template <class T>
  Json value(const T& field) const {
    if constexpr (std::is_class_v<T> && requires(JsonWriter & v) { describe(v, field); }) {
      JsonWriter in(every_key);
      describe(in, field);
      return std::move(in.object);
    } else {
      return field;
    }
  }

  bool every_key;  // optional parts and lists appear even when they are empty
  Json object = Json::object();
};

// -- Reading. Missing and null leave the default.

// A report nests less than 10 levels; to write a value takes stack for each.
constexpr int kMaxDepth = 64;

Json parse(std::string_view text) {
  return Json::parse(text, [](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxDepth) throw Error(ErrorKind::kInvalid, "not a report: nested too deeply");
    return true;
  });
}

template <class T>
void parsed(const Json& from, T& out, const char* key, auto parse) {
  auto text = from.get<std::string>();
  if (text.empty()) return;
  auto value = parse(text);
  if (!value) throw Error(ErrorKind::kInvalid, fmt::format("not a report: {}: {}", key, value.error()));
  out = *value;
}

struct JsonReader {
  template <class T>
  void operator()(const char* key, T& field) {
    if (auto it = object.find(key); it != object.end() && !it->is_null()) read(*it, field, key);
  }
  template <class T>
  void given(const char* key, T& field) {
    (*this)(key, field);
  }
  void part(const char* key, auto fields) {
    if (auto it = object.find(key); it != object.end() && it->is_object()) {
      JsonReader in{*it};
      fields(in);
    }
  }

  void read(const Json& from, PeerName& out, const char* key) { parsed(from, out, key, PeerName::parse); }
  void read(const Json& from, Ipv4& out, const char* key) { parsed(from, out, key, Ipv4::parse); }
  void read(const Json& from, Cidr& out, const char* key) { parsed(from, out, key, Cidr::parse); }
  void read(const Json& from, Mac& out, const char* key) { parsed(from, out, key, Mac::parse); }
  void read(const Json& from, WallTime& out, const char* key) { parsed(from, out, key, parse_rfc3339); }
  void read(const Json& from, std::optional<WallTime>& out, const char* key) { parsed(from, out, key, parse_rfc3339); }
  void read(const Json& from, Attributes& out, const char*) {
    if (!from.is_object()) return;
    for (const auto& [key, value] : from.items()) {
      if (value.is_boolean())
        out[key] = value.get<bool>();
      else if (value.is_number_integer())
        out[key] = value.get<int64_t>();
      else
        out[key] = value.is_string() ? value.get<std::string>() : value.dump();
    }
  }
  void read(const Json& from, std::map<std::string, int64_t>& out, const char*) {
    for (const auto& [name, value] : from.items()) read(value, out[name], name.c_str());
  }
  template <class T>
  void read(const Json& from, std::optional<T>& out, const char* key) {
    read(from, out.emplace(), key);
  }
  template <class T>
  void read(const Json& from, std::vector<T>& out, const char* key) {
    if (!from.is_array()) throw Error(ErrorKind::kInvalid, fmt::format("not a report: {} is no list", key));
    for (const auto& item : from) read(item, out.emplace_back(), key);
  }
  template <class T>
  void read(const Json& from, T& out, const char* key) {
    if constexpr (std::is_class_v<T> && requires(JsonReader & v) { describe(v, out); }) {
      if (!from.is_object()) throw Error(ErrorKind::kInvalid, fmt::format("not a report: {} is no object", key));
      JsonReader in{from};
      describe(in, out);
    } else {
      if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>)
        if (!from.is_number_integer())
          throw Error(ErrorKind::kInvalid, fmt::format("not a report: {} is no integer", key));
      from.get_to(out);
    }
  }

  const Json& object;
};

}  // namespace

Json json_value(const Report& report, bool every_key) {
  return JsonWriter(every_key).value(report);
}

std::string to_json(const Report& report) {
  return json_text(json_value(report, false), 4);
}

Report from_json(std::string_view text) {
  try {
    auto json = parse(text);
    json.at("Router");
    Report report;
    JsonReader{json}.read(json, report, "report");
    return report;
  } catch (const nlohmann::json::exception& e) {
    throw Error(ErrorKind::kInvalid, fmt::format("not a report: {}", e.what()));
  }
}

}  // namespace weave::control
