// What Docker tells us, as plain values, and the decoders of its JSON. Texts that Docker leaves empty stay empty.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace weave::docker {

// A container's endpoint in one network. While the container isn't running, id, ip, prefix and mac are empty.
struct Endpoint {
  std::string network_id;
  std::string endpoint_id;
  std::string ip;  // IPv4
  int prefix = 0;
  std::string mac;
  // The user's aliases; Docker before 26 adds the short id and the hostname.
  std::vector<std::string> aliases;
  // API 1.44 and later: container name, aliases, short id, hostname.
  std::vector<std::string> dns_names;
  std::map<std::string, std::string> driver_options;
};

struct Container {
  std::string id;    // 64 hex digits
  std::string name;  // without the slash
  std::string hostname;
  std::string domainname;
  bool running = false;
  bool restarting = false;
  int pid = 0;               // 0: not running
  std::string network_mode;  // "bridge", "host", "none", "container:<id>" or a network's name
  std::string hosts_path;    // its /etc/hosts, on the host
  std::map<std::string, std::string> labels;
  std::map<std::string, Endpoint> networks;  // by network name

  // The endpoint with this network id; nullptr when there is none.
  const Endpoint* endpoint_in(std::string_view wanted) const;
};

// One line of the list of containers.
struct Listed {
  std::string id;
  std::string name;   // without the slash
  std::string state;  // "running", "exited", ...
  std::map<std::string, std::string> labels;
  std::map<std::string, Endpoint> networks;  // by network name
};

struct Subnet {
  std::string subnet;   // CIDR
  std::string range;    // CIDR, may be empty
  std::string gateway;  // may be empty
};

struct Network {
  struct Member {
    std::string name;  // of the container
    std::string endpoint_id;
    std::string mac;
    std::string ip;  // CIDR
  };
  std::string id;
  std::string name;
  std::string driver;
  std::string scope;  // "local", "global" or "swarm"
  bool internal = false;
  bool attachable = false;
  std::string ipam_driver;
  std::map<std::string, std::string> ipam_options;
  std::vector<Subnet> subnets;
  std::map<std::string, std::string> options;
  std::map<std::string, std::string> labels;
  // By container id; only inspection fills it in, and only with running containers of this host.
  std::map<std::string, Member> containers;
};

// A network to be made. What is empty is left to Docker.
struct NewNetwork {
  std::string name;
  std::string driver;
  std::string ipam_driver;
  std::map<std::string, std::string> ipam_options;
  std::vector<Subnet> subnets;
  std::map<std::string, std::string> options;
  std::map<std::string, std::string> labels;
  bool internal = false;
  bool attachable = false;
};

struct Event {
  std::string type;    // "container" or "network"
  std::string action;  // "start", "die", "connect", "rename", ...
  std::string id;      // of the container or network
  std::map<std::string, std::string> attributes;
  int64_t time_nano = 0;  // the daemon's clock, since 1970
};

// Decoders never throw; an absent or oddly typed field counts as empty, but what isn't an object with an id is refused.
Result<Container> decode_container(std::string_view json);
Result<std::vector<Listed>> decode_container_list(std::string_view json);
Result<Network> decode_network(std::string_view json);
Result<std::vector<Network>> decode_network_list(std::string_view json);
// Of another type than container and network too.
Result<Event> decode_event(std::string_view json);
// The `message` of an error answer, or the text as it is.
std::string decode_error(std::string_view body);
// The `Id` of an answer to a creation.
Result<std::string> decode_id(std::string_view json);

std::string encode(const NewNetwork& network);
// The value of a `filters` parameter.
std::string encode_filters(const std::map<std::string, std::vector<std::string>>& filters);

// Cuts a stream into its lines.
class Lines {
 public:
  // The lines that are complete now, without their ends; empty ones are left out. Throws Error when a line doesn't end
  // within 1 MiB.
  std::vector<std::string> feed(std::string_view data);

 private:
  std::string pending_;
};

}  // namespace weave::docker
