#include "host/arp.hpp"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sys/socket.h>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "host/netlink.hpp"
#include "host/netns.hpp"

namespace weave::host {

void announce_address(const std::string& interface, Ipv4 address) {
  auto link = Netlink().link(interface);
  Mac everyone{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
  Writer frame;
  frame.bytes(everyone.bytes);
  frame.bytes(link.mac.bytes);
  frame.u16(ETHERTYPE_ARP);
  frame.u16(1);  // Ethernet
  frame.u16(ETHERTYPE_IP);
  frame.u8(6);
  frame.u8(4);
  frame.u16(1);  // request
  frame.bytes(link.mac.bytes);
  frame.u32(address.value);
  frame.bytes(everyone.bytes);
  frame.u32(address.value);
  UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!fd) throw errno_error("cannot open a packet socket");
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = link.index;
  to.sll_halen = 6;
  if (::sendto(fd.get(), frame.out().data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to) < 0)
    throw errno_error(fmt::format("cannot announce {} on {}", address.str(), interface));
}

std::vector<std::pair<std::string, std::string>> arp_cache_sysctls(const std::string& interface) {
  auto settings = "ipv4/neigh/" + interface + "/";
  return {{settings + "base_reachable_time", "5"},
          {settings + "delay_first_probe_time", "2"},
          {settings + "ucast_solicit", "1"}};
}

}  // namespace weave::host
