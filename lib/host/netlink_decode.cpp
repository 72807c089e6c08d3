#include "host/netlink_decode.hpp"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/socket.h>

#include "host/netlink_message.hpp"

namespace weave::host {
namespace {

Ipv4 read_address(ByteView bytes) {
  return {ntohl(read_fixed<uint32_t>(bytes))};
}

// The attributes that follow the fixed part.
template <class Fixed>
ByteView attributes(ByteView message) {
  return message.subspan(std::min(message.size(), size_t{NLMSG_ALIGN(sizeof(Fixed))}));
}

}  // namespace

Link decode_link(ByteView message) {
  auto header = read_fixed<ifinfomsg>(message);
  Link link{.index = header.ifi_index, .up = (header.ifi_flags & IFF_UP) != 0};
  link.running = (header.ifi_flags & IFF_RUNNING) != 0;
  link.ethernet = header.ifi_type == ARPHRD_ETHER;
  each_attribute(attributes<ifinfomsg>(message), [&](uint16_t type, ByteView value) {
    if (type == IFLA_IFNAME) link.name = read_text(value);
    if (type == IFLA_MTU) link.mtu = read_fixed<uint32_t>(value);
    if (type == IFLA_MASTER) link.master = read_fixed<int>(value);
    if (type == IFLA_LINK) link.peer = read_fixed<int>(value);
    if (type == IFLA_LINK_NETNSID) link.peer_elsewhere = true;
    if (type == IFLA_ADDRESS && value.size() == 6) std::copy_n(value.begin(), 6, link.mac.bytes.begin());
    if (type == IFLA_LINKINFO)
      each_attribute(value, [&](uint16_t inner, ByteView kind) {
        if (inner == IFLA_INFO_KIND) link.kind = read_text(kind);
      });
  });
  return link;
}

std::optional<Vxlan> decode_vxlan(ByteView message) {
  bool is_vxlan = false;
  Vxlan found;
  auto see_data = [&](uint16_t type, ByteView value) {
    if (type == IFLA_VXLAN_PORT) found.port = ntohs(read_fixed<uint16_t>(value));
    if (type == IFLA_VXLAN_COLLECT_METADATA) found.external = read_fixed<uint8_t>(value) != 0;
    if (type == IFLA_VXLAN_LEARNING) found.learning = read_fixed<uint8_t>(value) != 0;
  };
  each_attribute(attributes<ifinfomsg>(message), [&](uint16_t type, ByteView value) {
    if (type != IFLA_LINKINFO) return;
    each_attribute(value, [&](uint16_t inner, ByteView payload) {
      if (inner == IFLA_INFO_KIND) is_vxlan = read_text(payload) == "vxlan";
      if (inner == IFLA_INFO_DATA) each_attribute(payload, see_data);
    });
  });
  return is_vxlan ? std::optional(found) : std::nullopt;
}

std::optional<bool> decode_hairpin(ByteView message, int port) {
  if (read_fixed<ifinfomsg>(message).ifi_index != port) return {};
  bool on = false;
  each_attribute(attributes<ifinfomsg>(message), [&](uint16_t type, ByteView value) {
    if (type != IFLA_PROTINFO) return;
    each_attribute(value, [&](uint16_t inner, ByteView mode) {
      if (inner == IFLA_BRPORT_MODE) on = read_fixed<uint8_t>(mode) != 0;
    });
  });
  return on;
}

std::optional<Address> decode_address(ByteView message) {
  auto fixed = read_fixed<ifaddrmsg>(message);
  if (fixed.ifa_family != AF_INET || fixed.ifa_prefixlen > 32) return {};
  Address address{.link = static_cast<int>(fixed.ifa_index), .cidr = {.address = {}, .prefix = fixed.ifa_prefixlen}};
  address.secondary = (fixed.ifa_flags & IFA_F_SECONDARY) != 0;
  each_attribute(attributes<ifaddrmsg>(message), [&](uint16_t type, ByteView value) {
    if (type == IFA_LOCAL) address.cidr.address = read_address(value);
  });
  return address;
}

std::optional<Route> decode_route(ByteView message) {
  auto fixed = read_fixed<rtmsg>(message);
  if (fixed.rtm_family != AF_INET || fixed.rtm_dst_len > 32) return {};
  Route route;
  route.destination.prefix = fixed.rtm_dst_len;
  route.scope = fixed.rtm_scope;
  route.protocol = fixed.rtm_protocol;
  route.type = fixed.rtm_type;
  route.table = fixed.rtm_table;
  each_attribute(attributes<rtmsg>(message), [&](uint16_t type, ByteView value) {
    if (type == RTA_DST) route.destination.address = read_address(value);
    if (type == RTA_OIF) route.link = read_fixed<int>(value);
    if (type == RTA_GATEWAY) route.gateway = read_address(value);
    if (type == RTA_TABLE) route.table = read_fixed<uint32_t>(value);
    if (type == RTA_PRIORITY) route.metric = read_fixed<uint32_t>(value);
  });
  return route;
}

}  // namespace weave::host
