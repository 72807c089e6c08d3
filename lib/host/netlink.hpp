// A thin, blocking rtnetlink layer: links, IPv4 addresses and IPv4 routes of one network namespace.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "address/ipv4.hpp"
#include "address/mac.hpp"
#include "host/netlink_socket.hpp"

namespace weave::host {

struct Link {
  int index = 0;
  std::string name;
  std::string kind;  // "bridge", "veth", "vxlan", "openvswitch", ...; empty for physical devices and loopback
  Mac mac;
  uint32_t mtu = 0;
  bool up = false;              // administratively
  bool running = false;         // with carrier
  bool ethernet = false;        // frames have an Ethernet header; true of loopback, too
  int master = 0;               // index of the bridge that it is a port of; 0 = none
  int peer = 0;                 // index of the other end of a veth, in that end's namespace; 0 = unknown
  bool peer_elsewhere = false;  // the other end is in another namespace
};

struct Address {
  int link = 0;
  Cidr cidr;
  bool secondary = false;
};

struct Route {
  Cidr destination{.address = {}, .prefix = 0};
  int link = 0;
  std::optional<Ipv4> gateway;
  uint8_t scope = 0, protocol = 0, type = 0;
  uint32_t table = 0, metric = 0;
};

struct Veth {
  std::string name;
  std::string peer;
  int peer_netns = -1;  // descriptor of the namespace in which the peer is created; -1 = this one
  uint32_t mtu = 0;     // of both ends; 0 = the kernel's default
  std::optional<Mac> peer_mac;
};

// A VXLAN device whose tunnels are chosen packet by packet (external mode).
struct Vxlan {
  uint16_t port = 0;  // UDP
  bool external = false;
  bool learning = true;
};

// Every operation throws weave::Error with what was attempted and the kernel's reason.
class Netlink {
 public:
  // Works in the namespace in which the calling thread is now, whatever the thread does later.
  Netlink();
  static Netlink in(int netns_fd);

  std::vector<Link> links();
  std::optional<Link> find_link(const std::string& name);
  std::optional<Link> find_link(int index);
  // As find_link, but a missing link is an Error ("link <name> not found").
  Link link(const std::string& name);

  void create_bridge(const std::string& name);
  void create_veth(const Veth& veth);
  void create_dummy(const std::string& name);
  // In external mode, without learning; down.
  void create_vxlan(const std::string& name, uint16_t port);
  // Nothing when there is no such link, or it is something else.
  std::optional<Vxlan> vxlan(const std::string& name);
  // A VXLAN device in external mode with the name that we give it, "vxlan-<port>": ours, or one that Weave Net has
  // left.
  bool is_weave_vxlan(const Link& link);
  // False when there is no such link.
  bool remove_link(const std::string& name);
  void set_up(int index, bool up = true);
  void set_name(int index, const std::string& name);
  void set_mtu(int index, uint32_t mtu);
  void set_mac(int index, const Mac& mac);
  // Makes the link a port of a bridge; 0 releases it.
  void set_master(int index, int master);
  void set_netns(int index, int netns_fd);
  // Bridge port: may frames leave through the port that they came from?
  void set_hairpin(int index, bool on);
  bool hairpin(int index);
  // Transmit checksum offload (ethtool).
  void set_tx_checksum(const std::string& name, bool on);
  bool tx_checksum(const std::string& name);

  // Removes a link's hooks for traffic control programs (the qdisc clsact) unless a program is attached to them.
  void remove_idle_clsact(int index);

  // Removes an Open vSwitch datapath of the calling thread's namespace; rtnetlink can't.
  static void remove_ovs_datapath(int index);

  // IPv4 addresses in the kernel's order; of one link, or of all with 0.
  std::vector<Address> addresses(int link = 0);
  // False when the very same address with this prefix is there already.
  bool add_address(int link, const Cidr& cidr);
  // False when it isn't there.
  bool remove_address(int link, const Cidr& cidr);

  // The unicast route that a packet from `source` (0: any of ours) would take; nothing when there is none, or
  // `destination` is this host.
  std::optional<Route> route_to(Ipv4 destination, Ipv4 source = {});
  // Unicast IPv4 routes of the main table.
  std::vector<Route> routes();
  // `destination` through the link, directly (scope link) or by a gateway. False when the route exists.
  bool add_route(const Cidr& destination, int link, std::optional<Ipv4> gateway = {});
  // False when it isn't there.
  bool remove_route(const Cidr& destination, int link);

 private:
  using Answer = NetlinkSocket::Answer;
  explicit Netlink(NetlinkSocket socket) : socket_(std::move(socket)) {}
  Answer exchange(Bytes request) { return socket_.exchange(std::move(request)); }
  Answer checked(Bytes request, const std::string& attempted) { return socket_.checked(std::move(request), attempted); }
  std::optional<Link> find(const Bytes& request, const std::string& attempted);
  uint32_t ethtool(const std::string& name, uint32_t command, uint32_t value, const std::string& attempted);

  NetlinkSocket socket_;
};

}  // namespace weave::host
