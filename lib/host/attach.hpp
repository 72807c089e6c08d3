// Containers on the bridge: by `weave attach` (interface ethwe) and by Docker's network plugin (ethwe<n>).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "host/iptables.hpp"
#include "host/netlink.hpp"
#include "host/netns.hpp"

namespace weave::host {

// --- Docker's network plugin -------------------------------------------------------------------------------------

struct EndpointVeth {
  std::string host;       // "vethwl" and the first nine characters of the endpoint's id
  std::string container;  // "vethwg" likewise; Docker moves it into the container and renames it
  Mac mac;                // of the container end
};

// The names alone.
EndpointVeth endpoint_names(const std::string& endpoint_id);

// Makes the pair with the bridge's MTU unless one is given (not 0), the host end a port of the bridge and up. A pair of
// the same endpoint is replaced; nothing is left behind on failure. Throws Error.
EndpointVeth create_endpoint_veth(const std::string& endpoint_id, std::optional<Mac> mac = {}, uint32_t mtu = 0,
                                  const std::string& bridge = "weave");

// Removes the host end and so the pair, also one with a name of the first releases (five characters). False when there
// was none.
bool delete_endpoint_veth(const std::string& endpoint_id);

// After a container's start: ARP settings for each interface ethwe* and an announcement of each of its addresses.
void announce_container(const NetNs& container);

// --- attach and detach -------------------------------------------------------------------------------------------

struct AttachOptions {
  std::string interface = "ethwe";
  std::string bridge = "weave";
  uint32_t mtu = 0;  // 0 = that of the bridge
  bool multicast_route = true;
  bool hairpin = true;
  bool keep_tx = true;  // transmit checksum offload in the container; only a capturing router that can't finish
                        // checksums needs it off
  Iptables iptables{};  // for the multicast rules in the container
};

// Gives the container an interface on the bridge, unless it has one, and those addresses that it lacks (prefixes aren't
// compared). `veth_id`: the container's pid, which makes vethwepl<pid>. Returns the addresses that were added.
// Throws Error: the host's own namespace, no bridge, or the kernel's reason; then no new interface is left.
std::vector<Cidr> attach(const NetNs& container, const std::string& veth_id, const std::vector<Cidr>& cidrs,
                         const AttachOptions& options = {});

// Removes those of the addresses that are there, and the interface with the last one. Returns the removed ones.
// Throws Error when the container has no such interface.
std::vector<Cidr> detach(const NetNs& container, const std::vector<Cidr>& cidrs, const AttachOptions& options = {});

struct Attachment {
  std::string interface;
  Mac mac;
  std::vector<Cidr> cidrs;  // IPv4, in the kernel's order
};

// The ports of a bridge whose other end is a veth elsewhere: take it once for all containers.
std::vector<Link> container_ports(const std::string& bridge = "weave");

// The container's interfaces that are the other end of one of the ports, under any name and of any program.
std::vector<Attachment> list_attached(const NetNs& container, const std::vector<Link>& ports);

// An address that a network namespace has on the bridge.
struct AddressUse {
  uint64_t netns = 0;  // NetNs::inode()
  std::string interface;
  Cidr cidr;
};

// Who uses the addresses of the bridge's network, from the kernel: all network namespaces (NetNs::all()) whose
// interfaces are connected to the bridge, whoever keeps them. The bridge's own addresses are not among them. Throws
// Error when the bridge isn't there.
std::vector<AddressUse> addresses_in_use(const std::string& bridge = "weave");

}  // namespace weave::host
