#include "host/netlink.hpp"

#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/openvswitch.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/error.hpp"
#include "host/netlink_decode.hpp"
#include "host/netlink_message.hpp"
#include "host/netns.hpp"

namespace weave::host {
namespace {

// Names that the kernel would refuse or cut are refused here with words.
const std::string& checked_name(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ)
    throw Error(fmt::format("\"{}\" is no interface name (1 to {} characters)", name, IFNAMSIZ - 1));
  return name;
}

ifinfomsg link_header(int index = 0) {
  ifinfomsg header{};
  header.ifi_family = AF_UNSPEC;
  header.ifi_index = index;
  return header;
}

Message set_link(int index) {
  return {RTM_NEWLINK, 0, link_header(index)};
}

}  // namespace

Netlink::Netlink() : socket_(NETLINK_ROUTE) {}

Netlink Netlink::in(int netns_fd) {
  auto space = NetNs::open(fmt::format("/proc/self/fd/{}", netns_fd));
  return Netlink(space.run([] { return NetlinkSocket(NETLINK_ROUTE); }));
}

std::vector<Link> Netlink::links() {
  std::vector<Link> links;
  auto answer = checked(Message(RTM_GETLINK, NLM_F_DUMP, link_header()).take(), "cannot list the links");
  for (const auto& message : answer.messages) links.push_back(decode_link(message));
  return links;
}

std::optional<Link> Netlink::find(const Bytes& request, const std::string& attempted) {
  auto answer = exchange(request);
  if (answer.code == ENODEV) return {};
  if (answer.code) throw Error(explained(attempted, answer.code, answer.text));
  if (answer.messages.empty()) return {};
  return decode_link(answer.messages.front());
}

std::optional<Link> Netlink::find_link(const std::string& name) {
  auto request = Message(RTM_GETLINK, 0, link_header()).text(IFLA_IFNAME, checked_name(name)).take();
  return find(request, "cannot look up link " + name);
}

std::optional<Link> Netlink::find_link(int index) {
  return find(Message(RTM_GETLINK, 0, link_header(index)).take(), fmt::format("cannot look up link {}", index));
}

Link Netlink::link(const std::string& name) {
  if (auto found = find_link(name)) return *found;
  throw Error(fmt::format("link {} not found", name));
}

void Netlink::create_bridge(const std::string& name) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, link_header());
  message.text(IFLA_IFNAME, checked_name(name));
  auto info = message.open(IFLA_LINKINFO);
  message.text(IFLA_INFO_KIND, "bridge");
  message.close(info);
  checked(message.take(), "cannot create bridge " + name);
}

void Netlink::create_dummy(const std::string& name) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, link_header());
  message.text(IFLA_IFNAME, checked_name(name));
  auto info = message.open(IFLA_LINKINFO);
  message.text(IFLA_INFO_KIND, "dummy");
  message.close(info);
  checked(message.take(), "cannot create dummy link " + name);
}

void Netlink::create_vxlan(const std::string& name, uint16_t port) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, link_header());
  message.text(IFLA_IFNAME, checked_name(name));
  auto info = message.open(IFLA_LINKINFO);
  message.text(IFLA_INFO_KIND, "vxlan");
  auto data = message.open(IFLA_INFO_DATA);
  // With learning on, kernels since 2024 drop frames with a source MAC of zero, which Weave Net's heartbeats have.
  message.value<uint8_t>(IFLA_VXLAN_COLLECT_METADATA, 1).value<uint8_t>(IFLA_VXLAN_LEARNING, 0);
  message.value<uint16_t>(IFLA_VXLAN_PORT, htons(port)).value<uint8_t>(IFLA_VXLAN_UDP_ZERO_CSUM6_RX, 1);
  message.close(data);
  message.close(info);
  checked(message.take(), "cannot create VXLAN device " + name);
}

std::optional<Vxlan> Netlink::vxlan(const std::string& name) {
  auto answer = exchange(Message(RTM_GETLINK, 0, link_header()).text(IFLA_IFNAME, checked_name(name)).take());
  if (answer.code || answer.messages.empty()) return {};
  return decode_vxlan(answer.messages.front());
}

bool Netlink::is_weave_vxlan(const Link& link) {
  if (link.kind != "vxlan") return false;
  auto found = vxlan(link.name);
  return found && found->external && link.name == fmt::format("vxlan-{}", found->port);
}

void Netlink::create_veth(const Veth& veth) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, link_header());
  message.text(IFLA_IFNAME, checked_name(veth.name));
  if (veth.mtu) message.value(IFLA_MTU, veth.mtu);
  auto info = message.open(IFLA_LINKINFO);
  message.text(IFLA_INFO_KIND, "veth");
  auto data = message.open(IFLA_INFO_DATA);
  auto peer = message.open(VETH_INFO_PEER);
  auto header = link_header();
  message.raw(&header, sizeof header).text(IFLA_IFNAME, checked_name(veth.peer));
  if (veth.mtu) message.value(IFLA_MTU, veth.mtu);
  if (veth.peer_mac) message.attribute(IFLA_ADDRESS, veth.peer_mac->bytes.data(), veth.peer_mac->bytes.size());
  if (veth.peer_netns >= 0) message.value(IFLA_NET_NS_FD, static_cast<uint32_t>(veth.peer_netns));
  message.close(peer);
  message.close(data);
  message.close(info);
  checked(message.take(), fmt::format("cannot create veth pair {} and {}", veth.name, veth.peer));
}

bool Netlink::remove_link(const std::string& name) {
  auto found = find_link(name);
  if (!found) return false;
  auto answer = exchange(Message(RTM_DELLINK, 0, link_header(found->index)).take());
  if (answer.code == ENODEV) return false;
  if (answer.code) throw Error(explained("cannot remove link " + name, answer.code, answer.text));
  return true;
}

void Netlink::set_up(int index, bool up) {
  auto header = link_header(index);
  header.ifi_change = IFF_UP;
  header.ifi_flags = up ? IFF_UP : 0;
  checked(Message(RTM_NEWLINK, 0, header).take(), fmt::format("cannot set link {} {}", index, up ? "up" : "down"));
}

void Netlink::set_name(int index, const std::string& name) {
  checked(set_link(index).text(IFLA_IFNAME, checked_name(name)).take(),
          fmt::format("cannot rename link {} to {}", index, name));
}

void Netlink::set_mtu(int index, uint32_t mtu) {
  checked(set_link(index).value(IFLA_MTU, mtu).take(), fmt::format("cannot set the MTU of link {} to {}", index, mtu));
}

void Netlink::set_mac(int index, const Mac& mac) {
  checked(set_link(index).attribute(IFLA_ADDRESS, mac.bytes.data(), mac.bytes.size()).take(),
          fmt::format("cannot set the MAC of link {} to {}", index, mac.str()));
}

void Netlink::set_master(int index, int master) {
  checked(set_link(index).value(IFLA_MASTER, master).take(),
          fmt::format("cannot make link {} a port of link {}", index, master));
}

void Netlink::set_netns(int index, int netns_fd) {
  checked(set_link(index).value(IFLA_NET_NS_FD, static_cast<uint32_t>(netns_fd)).take(),
          fmt::format("cannot move link {} to another network namespace", index));
}

void Netlink::set_hairpin(int index, bool on) {
  auto header = link_header(index);
  header.ifi_family = AF_BRIDGE;
  Message message(RTM_SETLINK, 0, header);
  auto port = message.open(IFLA_PROTINFO | NLA_F_NESTED);
  message.value(IFLA_BRPORT_MODE, static_cast<uint8_t>(on));
  message.close(port);
  checked(message.take(), fmt::format("cannot set hairpin mode of bridge port {}", index));
}

bool Netlink::hairpin(int index) {
  auto header = link_header();
  header.ifi_family = AF_BRIDGE;
  bool on = false;
  for (const auto& message :
       checked(Message(RTM_GETLINK, NLM_F_DUMP, header).take(), "cannot list bridge ports").messages)
    on = decode_hairpin(message, index).value_or(on);
  return on;
}

uint32_t Netlink::ethtool(const std::string& name, uint32_t command, uint32_t value, const std::string& attempted) {
  ethtool_value argument{command, value};
  ifreq request{};
  checked_name(name).copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&argument);
  if (::ioctl(socket_.fd(), SIOCETHTOOL, &request) != 0) throw errno_error(attempted + " of " + name);
  return argument.data;
}

void Netlink::set_tx_checksum(const std::string& name, bool on) {
  ethtool(name, ETHTOOL_STXCSUM, on, "cannot set transmit checksum offload");
}

bool Netlink::tx_checksum(const std::string& name) {
  return ethtool(name, ETHTOOL_GTXCSUM, 0, "cannot read transmit checksum offload") != 0;
}

void Netlink::remove_ovs_datapath(int index) {
  auto attempted = fmt::format("cannot remove Open vSwitch datapath {}", index);
  NetlinkSocket generic(NETLINK_GENERIC);
  genlmsghdr look_up{.cmd = CTRL_CMD_GETFAMILY, .version = 1};
  auto answer = generic.checked(
      Message(GENL_ID_CTRL, 0, look_up).text(CTRL_ATTR_FAMILY_NAME, OVS_DATAPATH_FAMILY).take(), attempted);
  uint16_t family = 0;
  for (const auto& message : answer.messages)
    each_attribute(ByteView(message).subspan(std::min(message.size(), size_t{GENL_HDRLEN})),
                   [&](uint16_t type, ByteView value) {
                     if (type == CTRL_ATTR_FAMILY_ID) family = read_fixed<uint16_t>(value);
                   });
  genlmsghdr removal{.cmd = OVS_DP_CMD_DEL, .version = OVS_DATAPATH_VERSION};
  ovs_header header{.dp_ifindex = index};
  generic.checked(Message(family, 0, removal).raw(&header, sizeof header).take(), attempted);
}

std::vector<Address> Netlink::addresses(int link) {
  ifaddrmsg header{};
  header.ifa_family = AF_INET;
  std::vector<Address> addresses;
  auto answer = checked(Message(RTM_GETADDR, NLM_F_DUMP, header).take(), "cannot list the addresses");
  for (const auto& message : answer.messages)
    if (auto address = decode_address(message); address && (link == 0 || address->link == link))
      addresses.push_back(*address);
  return addresses;
}

static Bytes address_request(uint16_t type, uint16_t flags, int link, const Cidr& cidr) {
  ifaddrmsg header{};
  header.ifa_family = AF_INET;
  header.ifa_prefixlen = static_cast<uint8_t>(cidr.prefix);
  header.ifa_index = static_cast<uint32_t>(link);
  Message message(type, flags, header);
  message.value(IFA_LOCAL, htonl(cidr.address.value)).value(IFA_ADDRESS, htonl(cidr.address.value));
  if (cidr.prefix <= 30) message.value(IFA_BROADCAST, htonl(cidr.broadcast().value));
  return message.take();
}

bool Netlink::add_address(int link, const Cidr& cidr) {
  auto answer = exchange(address_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, link, cidr));
  if (answer.code == EEXIST) return false;
  if (answer.code)
    throw Error(explained(fmt::format("cannot add address {} to link {}", cidr.str(), link), answer.code, answer.text));
  return true;
}

bool Netlink::remove_address(int link, const Cidr& cidr) {
  auto answer = exchange(address_request(RTM_DELADDR, 0, link, cidr));
  if (answer.code == EADDRNOTAVAIL) return false;
  if (answer.code)
    throw Error(
        explained(fmt::format("cannot remove address {} from link {}", cidr.str(), link), answer.code, answer.text));
  return true;
}

std::optional<Route> Netlink::route_to(Ipv4 destination, Ipv4 source) {
  rtmsg header{};
  header.rtm_family = AF_INET;
  header.rtm_dst_len = 32;
  if (source.value) header.rtm_src_len = 32;
  Message message(RTM_GETROUTE, 0, header);
  message.value(RTA_DST, htonl(destination.value));
  if (source.value) message.value(RTA_SRC, htonl(source.value));
  auto answer = exchange(message.take());
  if (answer.code || answer.messages.empty()) return {};
  auto route = decode_route(answer.messages.front());
  return route && route->type == RTN_UNICAST && route->link ? route : std::nullopt;
}

void Netlink::remove_idle_clsact(int index) {
  tcmsg header{};
  header.tcm_ifindex = index;
  for (uint32_t side : {TC_H_MIN_INGRESS, TC_H_MIN_EGRESS}) {
    header.tcm_parent = TC_H_MAKE(TC_H_CLSACT, side);
    auto attempted = fmt::format("cannot list the filters of link {}", index);
    if (!checked(Message(RTM_GETTFILTER, NLM_F_DUMP, header).take(), attempted).messages.empty()) return;
  }
  header.tcm_parent = TC_H_CLSACT;
  header.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
  // The kind keeps an "ingress" qdisc, which has the same handle. None there is as good as one removed.
  exchange(Message(RTM_DELQDISC, 0, header).text(TCA_KIND, "clsact").take());
}

std::vector<Route> Netlink::routes() {
  rtmsg header{};
  header.rtm_family = AF_INET;
  std::vector<Route> routes;
  for (const auto& message :
       checked(Message(RTM_GETROUTE, NLM_F_DUMP, header).take(), "cannot list the routes").messages) {
    auto route = decode_route(message);
    if (route && route->table == RT_TABLE_MAIN && route->type == RTN_UNICAST &&
        !(read_fixed<rtmsg>(message).rtm_flags & RTM_F_CLONED))
      routes.push_back(*route);
  }
  return routes;
}

static Bytes route_request(uint16_t type, uint16_t flags, const Cidr& destination, int link,
                           std::optional<Ipv4> gateway) {
  rtmsg header{};
  header.rtm_family = AF_INET;
  header.rtm_dst_len = static_cast<uint8_t>(destination.prefix);
  header.rtm_table = RT_TABLE_MAIN;
  bool removal = type == RTM_DELROUTE;
  header.rtm_scope = removal ? RT_SCOPE_NOWHERE : gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  header.rtm_protocol = removal ? RTPROT_UNSPEC : RTPROT_BOOT;
  header.rtm_type = removal ? RTN_UNSPEC : RTN_UNICAST;
  Message message(type, flags, header);
  message.value(RTA_DST, htonl(destination.network().value)).value(RTA_OIF, link);
  if (gateway) message.value(RTA_GATEWAY, htonl(gateway->value));
  return message.take();
}

bool Netlink::add_route(const Cidr& destination, int link, std::optional<Ipv4> gateway) {
  auto answer = exchange(route_request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, destination, link, gateway));
  if (answer.code == EEXIST) return false;
  if (answer.code)
    throw Error(explained(fmt::format("cannot add route {} through link {}", destination.str(), link), answer.code,
                          answer.text));
  return true;
}

bool Netlink::remove_route(const Cidr& destination, int link) {
  auto answer = exchange(route_request(RTM_DELROUTE, 0, destination, link, {}));
  if (answer.code == ESRCH) return false;
  if (answer.code)
    throw Error(explained(fmt::format("cannot remove route {} through link {}", destination.str(), link), answer.code,
                          answer.text));
  return true;
}

}  // namespace weave::host
