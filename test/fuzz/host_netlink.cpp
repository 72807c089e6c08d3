// Any bytes as the kernel's answer to a netlink request, and as what it says of a link, an address and a route: an
// answer is the same however datagrams cut it, values stay within bounds, and what was understood comes back unchanged
// when it is written as the kernel writes it.
#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstdlib>

#include "host/netlink_decode.hpp"
#include "host/netlink_message.hpp"

using namespace weave;
using namespace weave::host;

namespace {

// The body of a message that we have written.
Bytes body(Message message) {
  auto bytes = message.take();
  bytes.erase(bytes.begin(), bytes.begin() + NLMSG_HDRLEN);
  return bytes;
}

void check_link(ByteView bytes) {
  auto link = decode_link(bytes);
  if (link.name.find('\0') != std::string::npos || link.name.size() > bytes.size()) abort();
  ifinfomsg fixed{};
  fixed.ifi_index = link.index;
  Message message(RTM_NEWLINK, 0, fixed);
  message.text(IFLA_IFNAME, link.name).value(IFLA_MTU, link.mtu).value(IFLA_MASTER, link.master);
  message.value(IFLA_LINK, link.peer).attribute(IFLA_ADDRESS, link.mac.bytes.data(), link.mac.bytes.size());
  auto info = message.open(IFLA_LINKINFO);
  message.text(IFLA_INFO_KIND, link.kind);
  message.close(info);
  auto again = decode_link(body(message));
  if (again.index != link.index || again.name != link.name || again.kind != link.kind) abort();
  if (again.mtu != link.mtu || again.master != link.master || again.peer != link.peer) abort();
  if (again.mac.bytes != link.mac.bytes) abort();
  if (decode_vxlan(bytes) && link.name.size() + 4 > bytes.size()) abort();
  if (!decode_hairpin(bytes, link.index) || decode_hairpin(bytes, link.index ^ 1)) abort();
}

void check_address(ByteView bytes) {
  auto address = decode_address(bytes);
  if (!address) return;
  if (address->cidr.prefix < 0 || address->cidr.prefix > 32) abort();
  ifaddrmsg fixed{};
  fixed.ifa_family = AF_INET;
  fixed.ifa_prefixlen = static_cast<uint8_t>(address->cidr.prefix);
  fixed.ifa_index = static_cast<uint32_t>(address->link);
  Message message(RTM_NEWADDR, 0, fixed);
  message.value(IFA_LOCAL, htonl(address->cidr.address.value));
  auto again = decode_address(body(message));
  if (!again || again->cidr != address->cidr || again->link != address->link) abort();
}

void check_route(ByteView bytes) {
  auto route = decode_route(bytes);
  if (!route) return;
  if (route->destination.prefix < 0 || route->destination.prefix > 32) abort();
  rtmsg fixed{};
  fixed.rtm_family = AF_INET;
  fixed.rtm_dst_len = static_cast<uint8_t>(route->destination.prefix);
  Message message(RTM_NEWROUTE, 0, fixed);
  message.value(RTA_DST, htonl(route->destination.address.value)).value(RTA_OIF, route->link);
  message.value(RTA_TABLE, route->table).value(RTA_PRIORITY, route->metric);
  if (route->gateway) message.value(RTA_GATEWAY, htonl(route->gateway->value));
  auto again = decode_route(body(message));
  if (!again || again->destination != route->destination || again->link != route->link) abort();
  if (again->gateway != route->gateway || again->table != route->table || again->metric != route->metric) abort();
}

struct Verdict {
  bool done = false, malformed = false;
  NetlinkAnswer answer;
};

Verdict read_answer(ByteView datagram, uint32_t sequence) {
  Verdict verdict;
  AnswerReader reader(sequence);
  try {
    verdict.done = reader.feed(datagram);
  } catch (const Error&) {
    verdict.malformed = true;
  }
  verdict.answer = reader.take();
  return verdict;
}

void check_answer(ByteView datagram) {
  // The sequence of the first message, so that it counts.
  auto sequence = read_fixed<nlmsghdr>(datagram).nlmsg_seq;
  auto verdict = read_answer(datagram, sequence);
  if (verdict.answer.code < 0) abort();
  size_t bytes = verdict.answer.text.size();
  for (const auto& message : verdict.answer.messages) {
    bytes += NLMSG_HDRLEN + message.size();
    check_link(message);
    check_address(message);
    check_route(message);
  }
  if (bytes > datagram.size()) abort();
  // One datagram a message.
  AnswerReader reader(sequence);
  bool done = false;
  try {
    while (!done && datagram.size() >= sizeof(nlmsghdr)) {
      auto length = std::min<size_t>(NLMSG_ALIGN(uint64_t{read_fixed<nlmsghdr>(datagram).nlmsg_len}), datagram.size());
      done = reader.feed(datagram.first(std::max(length, sizeof(nlmsghdr))));
      datagram = datagram.subspan(std::max(length, sizeof(nlmsghdr)));
    }
    if (verdict.malformed || done != verdict.done) abort();
  } catch (const Error&) {
    if (!verdict.malformed) abort();
  }
  auto answer = reader.take();
  if (answer.code != verdict.answer.code || answer.text != verdict.answer.text) abort();
  if (answer.messages != verdict.answer.messages) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 16 * 1024) return 0;
  ByteView bytes(data, size);
  check_answer(bytes);
  check_link(bytes);
  check_address(bytes);
  check_route(bytes);
  return 0;
}
