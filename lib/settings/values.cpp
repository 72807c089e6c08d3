#include "settings/values.hpp"

#include <array>
#include <charconv>

#include "base/text.hpp"
#include "mesh/endpoint.hpp"
#include "names/entry.hpp"
#include "settings/table.hpp"

namespace weave::settings {
namespace {

constexpr size_t kLongestInterface = 15;  // IFNAMSIZ without the end
constexpr int kLeastMtu = 552, kMostMtu = 65535;
constexpr int kLongestTimeout = 3'600'000;  // ms

constexpr std::array kModes{std::pair(DatapathMode::kDirect, "direct"), std::pair(DatapathMode::kBridge, "bridge"),
                            std::pair(DatapathMode::kNone, "none")};
constexpr std::array kLevels{log::Level::kDebug, log::Level::kInfo, log::Level::kWarning, log::Level::kError};

void require(bool good, const std::string& message, const std::string& hint = {}) {
  if (!good) throw Error(message, hint);
}

template <class T>
T parsed(Result<T> result, const std::string& source, const std::string& hint = {}) {
  if (!result) throw Error(fmt::format("{}: {}", source, result.error()), hint);
  return std::move(*result);
}

int number(const std::string& source, const std::string& text) {
  auto value = parse_number(text);
  if (!value) throw UsageError(fmt::format("{}: '{}' is not a number.", source, text));
  return *value;
}

}  // namespace

bool truth(const std::string& source, const std::string& text) {
  auto value = parse_bool(text);
  if (!value) throw UsageError(fmt::format("{}: '{}' is neither true nor false.", source, text));
  return *value;
}

std::string any_text(const std::string&, const std::string& text) {
  return text;
}

Secret secret(const std::string&, const std::string& text) {
  return Secret(text);
}

uint16_t port(const std::string& source, const std::string& text) {
  int value = number(source, text);
  require(value > 0 && value < 65535, fmt::format("{}: {} is out of range", source, value),
          "use 1 to 65534; the next port is used, too");
  return static_cast<uint16_t>(value);
}

uint32_t mtu(const std::string& source, const std::string& text) {
  int value = number(source, text);
  require(value == 0 || (value >= kLeastMtu && value <= kMostMtu), fmt::format("{}: {} is out of range", source, value),
          fmt::format("use {} to {} bytes", kLeastMtu, kMostMtu));
  return static_cast<uint32_t>(value);
}

int64_t packet_count(const std::string& source, const std::string& text) {
  int64_t value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size())
    throw UsageError(fmt::format("{}: '{}' is not a number.", source, text));
  require(value > 0, fmt::format("{}: must be more than 0", source));
  return value;
}

int connection_limit(const std::string& source, const std::string& text) {
  int value = number(source, text);
  require(value >= 0, fmt::format("{}: must not be negative", source));
  return value;
}

int protocol_version(const std::string& source, const std::string& text) {
  int value = number(source, text);
  require(value == 1 || value == 2, fmt::format("{} must be in range [1,2]", source));
  return value;
}

std::chrono::seconds ttl(const std::string& source, const std::string& text) {
  int value = number(source, text);
  require(value >= 0, fmt::format("{}: must be 0 or more seconds", source));
  return std::chrono::seconds(value);
}

// "5s", "500ms", "1m", or seconds.
std::chrono::milliseconds timeout(const std::string& source, const std::string& text) {
  auto unit_at = std::min(text.find_first_not_of("0123456789"), text.size());
  auto value = parse_number(text.substr(0, unit_at));
  auto unit = text.substr(unit_at);
  int factor = unit == "ms" ? 1 : unit == "s" || unit.empty() ? 1000 : unit == "m" ? 60'000 : 0;
  if (!value || factor == 0 || *value > kLongestTimeout / factor)
    throw UsageError(fmt::format("{}: '{}' is not a time such as 5s or 500ms.", source, text));
  require(*value > 0, fmt::format("{}: must be more than 0", source));
  return std::chrono::milliseconds(*value * factor);
}

PeerName peer_name(const std::string& source, const std::string& text) {
  auto name = parsed(PeerName::parse(text), source, "a peer name looks like 12:d2:fe:7a:c1:f2");
  require(name.value != 0 && !name.mac().multicast(),
          fmt::format("{}: {} is not a valid peer name", source, name.str()),
          "the name becomes the bridge's MAC: not 0, and the first byte even");
  return name;
}

namespace {

// What to write instead of a word that names no peer.
std::string peer_hint(const std::string& text) {
  if (text.find(',') != text.npos) return "separate peers by spaces";
  if (text.find("://") != text.npos || text.find('/') != text.npos)
    return "give only the host's name or address, and a port if it isn't 6783: host2, 192.168.1.2 or host2:7000";
  if (auto colon = text.rfind(':'); colon != text.npos && text.find_first_not_of("0123456789", colon + 1) == text.npos)
    return "a port is a number from 1 to 65535";
  return "a peer is a host's name or address; options may be given before and after the peers";
}

}  // namespace

std::string peer(const std::string&, const std::string& text) {
  auto name = mesh::TargetName::parse(text);
  if (!name) throw Error(name.error(), peer_hint(text));
  return text;
}

Ipv4 local_address(const std::string& source, const std::string& text) {
  return parsed(Ipv4::parse(text), source, "give an IPv4 address of this machine");
}

Cidr trusted_subnet(const std::string&, const std::string& text) {
  auto cidr = Cidr::parse(text);
  require(cidr.has_value(), "Unable to parse trusted subnets: invalid CIDR address: " + text);
  return cidr->masked();
}

Cidr range(const std::string& source, const std::string& text) {
  return parsed(ipam::parse_subnet(text), source, "for example 10.32.0.0/12");
}

Cidr subnet(const std::string& source, const std::string& text) {
  return parsed(ipam::parse_subnet(text), source);
}

ipam::Init ipam_init(const std::string&, const std::string& text) {
  auto init = ipam::parse_init(text);
  if (!init)
    throw Error("Unable to parse --ipalloc-init: " + init.error(),
                "use consensus, consensus=<number of peers>, seed=<peer>,<peer>,..., or observer");
  return *init;
}

SocketAddress dns_address(const std::string&, const std::string& text) {
  auto address = SocketAddress::parse(text);
  if (!address) throw Error(fmt::format("invalid DNS listen address \"{}\": {}", text, address.error()));
  return *address;
}

std::string domain(const std::string& source, const std::string& text) {
  auto name = names::canonical(text);
  require(name != "." && names::encodable(name), fmt::format("{}: '{}' is not a domain", source, text),
          "for example weave.local.");
  return name;
}

std::string interface(const std::string& source, const std::string& text) {
  bool good = !text.empty() && text.size() <= kLongestInterface && text != "." && text != ".." &&
              text.find_first_of("/ \t\n:") == text.npos;
  require(good, fmt::format("{}: '{}' is not a valid interface name", source, text),
          "an interface name has 1 to 15 characters, without blanks, slashes and colons");
  return text;
}

ServiceAddress service(const std::string& source, const std::string& text) {
  return parsed(ServiceAddress::parse(text), source, "give ip:port, or the path of a unix socket");
}

ServiceAddress control_address(const std::string&, const std::string& text) {
  auto address = ServiceAddress::parse(text, kControlPort);
  if (!address)
    throw Error(fmt::format("cannot use control address '{}': {}", text, address.error()),
                "give a socket path or ip:port with --http-addr or WEAVE_HTTP_ADDR");
  return *address;
}

ServiceAddress docker_address(const std::string& source, const std::string& text) {
  return parsed(ServiceAddress::parse(text), source, "use unix:///path or tcp://ip:port");
}

std::string path(const std::string& source, const std::string& text) {
  require(text.starts_with('/'), fmt::format("{}: must be an absolute path", source));
  return text;
}

std::string socket_path(const std::string& source, const std::string& text) {
  return text.empty() ? text : path(source, text);
}

DatapathMode datapath_mode(const std::string& source, const std::string& text) {
  for (auto [mode, name] : kModes)
    if (text == name) return mode;
  throw Error(fmt::format("{}: unknown mode '{}'", source, text),
              "use direct, bridge (every frame crosses the bridge, where firewall rules apply) or none (sleeve only)");
}

std::vector<std::string> datapath_modes() {
  std::vector<std::string> names;
  for (auto [mode, name] : kModes) names.emplace_back(name);
  return names;
}

log::Level log_level(const std::string&, const std::string& text) {
  return log::parse_level(text);
}

std::vector<std::string> log_levels() {
  std::vector<std::string> names;
  for (auto level : kLevels) names.emplace_back(log::level_name(level));
  return names;
}

std::string text_of(const Secret& value) {
  return {reinterpret_cast<const char*>(value.data()), value.size()};
}

std::string text_of(const ipam::Init& value) {
  if (value.observer) return "observer";
  if (value.expected > 0) return fmt::format("consensus={}", value.expected);
  std::string names;
  for (auto name : value.seed) names += (names.empty() ? "" : ",") + name.str();
  return names.empty() ? "consensus" : "seed=" + names;
}

std::string text_of(DatapathMode value) {
  for (auto [mode, name] : kModes)
    if (value == mode) return name;
  return {};
}

std::string text_of(log::Level value) {
  return std::string(log::level_name(value));
}

}  // namespace weave::settings
