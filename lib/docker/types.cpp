#include "docker/types.hpp"

#include <nlohmann/json.hpp>

namespace weave::docker {
namespace {

using nlohmann::json;
using Map = std::map<std::string, std::string>;

const json& at(const json& object, const char* key) {
  static const json null;
  if (!object.is_object()) return null;
  auto found = object.find(key);
  return found == object.end() ? null : *found;
}

std::string text(const json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}
bool truth(const json& value) {
  return value.is_boolean() && value.get<bool>();
}
int64_t number(const json& value) {
  return value.is_number_integer() ? value.get<int64_t>() : 0;
}

std::vector<std::string> texts(const json& value) {
  std::vector<std::string> out;
  if (value.is_array())
    for (const auto& item : value)
      if (item.is_string()) out.push_back(item.get<std::string>());
  return out;
}

Map map(const json& value) {
  Map out;
  if (value.is_object())
    for (const auto& [key, item] : value.items())
      if (item.is_string()) out[key] = item.get<std::string>();
  return out;
}

std::string without_slash(std::string name) {
  if (name.starts_with('/')) name.erase(0, 1);
  return name;
}

std::map<std::string, Endpoint> endpoints(const json& networks) {
  std::map<std::string, Endpoint> out;
  if (!networks.is_object()) return out;
  for (const auto& [name, value] : networks.items()) {
    auto prefix = number(at(value, "IPPrefixLen"));
    out[name] = {.network_id = text(at(value, "NetworkID")),
                 .endpoint_id = text(at(value, "EndpointID")),
                 .ip = text(at(value, "IPAddress")),
                 .prefix = prefix >= 0 && prefix <= 32 ? static_cast<int>(prefix) : 0,
                 .mac = text(at(value, "MacAddress")),
                 .aliases = texts(at(value, "Aliases")),
                 .dns_names = texts(at(value, "DNSNames")),
                 .driver_options = map(at(value, "DriverOpts"))};
  }
  return out;
}

Result<Network> network(const json& value) {
  Network out;
  out.id = text(at(value, "Id"));
  if (out.id.empty()) return Refused("a network without an id");
  out.name = text(at(value, "Name"));
  out.driver = text(at(value, "Driver"));
  out.scope = text(at(value, "Scope"));
  out.internal = truth(at(value, "Internal"));
  out.attachable = truth(at(value, "Attachable"));
  const auto& ipam = at(value, "IPAM");
  out.ipam_driver = text(at(ipam, "Driver"));
  out.ipam_options = map(at(ipam, "Options"));
  if (const auto& subnets = at(ipam, "Config"); subnets.is_array())
    for (const auto& subnet : subnets)
      out.subnets.push_back({.subnet = text(at(subnet, "Subnet")),
                             .range = text(at(subnet, "IPRange")),
                             .gateway = text(at(subnet, "Gateway"))});
  out.options = map(at(value, "Options"));
  out.labels = map(at(value, "Labels"));
  if (const auto& members = at(value, "Containers"); members.is_object())
    for (const auto& [id, member] : members.items())
      out.containers[id] = {.name = text(at(member, "Name")),
                            .endpoint_id = text(at(member, "EndpointID")),
                            .mac = text(at(member, "MacAddress")),
                            .ip = text(at(member, "IPv4Address"))};
  return out;
}

json parse(std::string_view text) {
  return json::parse(text, nullptr, false);
}

Listed listed(const json& value) {
  Listed out{.id = text(at(value, "Id")),
             .name = {},
             .state = text(at(value, "State")),
             .labels = map(at(value, "Labels")),
             .networks = endpoints(at(at(value, "NetworkSettings"), "Networks"))};
  // Links appear here too, as /other/alias.
  for (const auto& name : texts(at(value, "Names")))
    if (name.rfind('/') == 0) out.name = without_slash(name);
  return out;
}

}  // namespace

const Endpoint* Container::endpoint_in(std::string_view wanted) const {
  for (const auto& entry : networks)
    if (entry.second.network_id == wanted) return &entry.second;
  return nullptr;
}

Result<Container> decode_container(std::string_view body) {
  json value = parse(body);
  Container out;
  out.id = text(at(value, "Id"));
  if (out.id.empty()) return Refused("a container without an id");
  out.name = without_slash(text(at(value, "Name")));
  const auto& config = at(value, "Config");
  out.hostname = text(at(config, "Hostname"));
  out.domainname = text(at(config, "Domainname"));
  out.labels = map(at(config, "Labels"));
  const auto& state = at(value, "State");
  out.running = truth(at(state, "Running"));
  out.restarting = truth(at(state, "Restarting"));
  out.hosts_path = text(at(value, "HostsPath"));
  auto pid = number(at(state, "Pid"));
  out.pid = pid > 0 && pid <= INT32_MAX ? static_cast<int>(pid) : 0;
  out.network_mode = text(at(at(value, "HostConfig"), "NetworkMode"));
  out.networks = endpoints(at(at(value, "NetworkSettings"), "Networks"));
  return out;
}

Result<std::vector<Listed>> decode_container_list(std::string_view body) {
  json value = parse(body);
  if (!value.is_array()) return Refused("not a list of containers");
  std::vector<Listed> out;
  for (const auto& item : value) {
    out.push_back(listed(item));
    if (out.back().id.empty()) return Refused("a container without an id");
  }
  return out;
}

Result<Network> decode_network(std::string_view body) {
  return network(parse(body));
}

Result<std::vector<Network>> decode_network_list(std::string_view body) {
  json value = parse(body);
  if (!value.is_array()) return Refused("not a list of networks");
  std::vector<Network> out;
  for (const auto& item : value) {
    auto one = network(item);
    if (!one) return Refused(one.error());
    out.push_back(std::move(*one));
  }
  return out;
}

Result<Event> decode_event(std::string_view body) {
  json value = parse(body);
  const auto& actor = at(value, "Actor");
  Event out{.type = text(at(value, "Type")),
            .action = text(at(value, "Action")),
            .id = text(at(actor, "ID")),
            .attributes = map(at(actor, "Attributes")),
            .time_nano = number(at(value, "timeNano"))};
  if (out.type.empty() || out.action.empty()) return Refused("an event without type or action");
  return out;
}

std::string decode_error(std::string_view body) {
  std::string message = text(at(parse(body), "message"));
  if (message.empty()) message = body;
  while (message.ends_with('\n')) message.pop_back();
  return message;
}

Result<std::string> decode_id(std::string_view body) {
  std::string id = text(at(parse(body), "Id"));
  if (id.empty()) return Refused("an answer without an id");
  return id;
}

std::string encode(const NewNetwork& network) {
  // CheckDuplicate: before API 1.44 a second network of the same name is refused only when asked.
  json out{{"Name", network.name}, {"CheckDuplicate", true}};
  if (!network.driver.empty()) out["Driver"] = network.driver;
  if (network.internal) out["Internal"] = true;
  if (network.attachable) out["Attachable"] = true;
  if (!network.options.empty()) out["Options"] = network.options;
  if (!network.labels.empty()) out["Labels"] = network.labels;
  json ipam = json::object();
  if (!network.ipam_driver.empty()) ipam["Driver"] = network.ipam_driver;
  if (!network.ipam_options.empty()) ipam["Options"] = network.ipam_options;
  for (const auto& subnet : network.subnets) {
    json one{{"Subnet", subnet.subnet}};
    if (!subnet.range.empty()) one["IPRange"] = subnet.range;
    if (!subnet.gateway.empty()) one["Gateway"] = subnet.gateway;
    ipam["Config"].push_back(std::move(one));
  }
  if (!ipam.empty()) out["IPAM"] = std::move(ipam);
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string encode_filters(const std::map<std::string, std::vector<std::string>>& filters) {
  return json(filters).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::vector<std::string> Lines::feed(std::string_view data) {
  constexpr size_t longest = 1024 * 1024;
  std::vector<std::string> out;
  for (size_t end; (end = data.find('\n')) != std::string_view::npos; data.remove_prefix(end + 1)) {
    pending_ += data.substr(0, end);
    if (pending_.ends_with('\r')) pending_.pop_back();
    if (!pending_.empty()) out.push_back(std::exchange(pending_, {}));
  }
  pending_ += data;
  if (pending_.size() > longest) throw Error("docker: a line of the event stream doesn't end");
  return out;
}

}  // namespace weave::docker
