#include "host/attach.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "host/arp.hpp"

namespace weave::host {
namespace {

const Cidr kMulticast{.address = {0xe0000000}, .prefix = 4};

Link required_bridge(Netlink& net, const std::string& name) {
  if (auto bridge = net.find_link(name)) return *bridge;
  throw Error(fmt::format("bridge \"{}\" not present; did you launch weave?", name));
}

// Runs when the scope is left without success.
template <class Undo>
struct OnFailure {
  Undo undo;
  int before = std::uncaught_exceptions();
  ~OnFailure() {
    if (std::uncaught_exceptions() > before) undo();
  }
};
template <class Undo>
OnFailure(Undo) -> OnFailure<Undo>;

// A step of a clean-up: a failure is logged.
template <class Step>
void quietly(const Step& step) noexcept {
  try {
    step();
  } catch (const std::exception& error) {
    log::warning("clean-up failed: reason={}", error.what());
  }
}

void remove_quietly(Netlink& net, const std::string& name) noexcept {
  quietly([&] { net.remove_link(name); });
}

void announce_quietly(const std::string& interface, Ipv4 address) noexcept {
  try {
    announce_address(interface, address);
  } catch (const std::exception& error) {
    log::debug("an optional step failed: reason={}", error.what());
  }
}

std::string drop_rule(const std::string& interface) {
  return fmt::format("-A INPUT -d {} -i {} -j DROP", kMulticast.str(), interface);
}

std::string accept_rule(const std::string& interface, const Cidr& subnet) {
  return fmt::format("-A INPUT -s {} -d {} -i {} -j ACCEPT", subnet.masked().str(), kMulticast.str(), interface);
}

// Multicast is only taken from subnets that the container is in; otherwise it would leak between subnets.
void accept_multicast(const AttachOptions& options, const std::vector<Cidr>& subnets) {
  std::string lines;
  auto saved = options.iptables.save("filter")["filter"];
  std::set<std::string> present;
  for (const auto& rule : saved["INPUT"]) present.insert(canonical_rule(rule));
  auto missing = [&](const std::string& rule) { return present.insert(canonical_rule(rule)).second; };
  if (auto rule = drop_rule(options.interface); missing(rule)) lines += rule + '\n';
  for (const auto& subnet : subnets)
    if (auto rule = accept_rule(options.interface, subnet); missing(rule)) lines += "-I" + rule.substr(2) + '\n';
  options.iptables.restore({{"filter", lines}});
}

void forget_multicast(const AttachOptions& options, const std::vector<Cidr>& gone, bool all) {
  WantedTable wanted;
  for (const auto& subnet : gone) wanted.absent.push_back(accept_rule(options.interface, subnet));
  if (all) wanted.absent.push_back(drop_rule(options.interface));
  options.iptables.ensure({{"filter", wanted}});
}

bool has_address(const std::vector<Address>& addresses, Ipv4 address) {
  return std::any_of(addresses.begin(), addresses.end(), [&](const Address& a) { return a.cidr.address == address; });
}

void create_interface(Netlink& net, const NetNs& container, const std::string& host, const AttachOptions& options) {
  auto bridge = required_bridge(net, options.bridge);
  net.create_veth({.name = host,
                   .peer = options.interface,
                   .peer_netns = container.fd(),
                   .mtu = options.mtu ? options.mtu : bridge.mtu});
  OnFailure undo{[&] { remove_quietly(net, host); }};
  auto port = net.link(host).index;
  try_write_sysctl("ipv6/conf/" + host + "/accept_ra", "0");
  net.set_master(port, bridge.index);
  if (!options.keep_tx) Netlink::in(container.fd()).set_tx_checksum(options.interface, false);
  net.set_hairpin(port, options.hairpin);
  net.set_up(port);
  container.run([&] {
    for (const auto& [path, value] : arp_cache_sysctls(options.interface)) try_write_sysctl(path, value);
    accept_multicast(options, {});
  });
}

}  // namespace

EndpointVeth endpoint_names(const std::string& endpoint_id) {
  auto id = endpoint_id.substr(0, 9);
  return {.host = "vethwl" + id, .container = "vethwg" + id, .mac = {}};
}

EndpointVeth create_endpoint_veth(const std::string& endpoint_id, std::optional<Mac> mac, uint32_t mtu,
                                  const std::string& bridge) {
  Netlink net;
  auto owner = required_bridge(net, bridge);
  auto veth = endpoint_names(endpoint_id);
  net.remove_link(veth.host);
  net.create_veth({.name = veth.host, .peer = veth.container, .mtu = mtu ? mtu : owner.mtu, .peer_mac = mac});
  OnFailure undo{[&] { remove_quietly(net, veth.host); }};
  auto port = net.link(veth.host).index;
  for (const auto& name : {veth.host, veth.container}) try_write_sysctl("ipv6/conf/" + name + "/accept_ra", "0");
  net.set_master(port, owner.index);
  net.set_up(port);
  veth.mac = net.link(veth.container).mac;
  return veth;
}

bool delete_endpoint_veth(const std::string& endpoint_id) {
  Netlink net;
  return net.remove_link(endpoint_names(endpoint_id).host) || net.remove_link("vethwl" + endpoint_id.substr(0, 5));
}

void announce_container(const NetNs& container) {
  container.run([] {
    Netlink net;
    for (const auto& link : net.links()) {
      if (!link.name.starts_with("ethwe")) continue;
      for (const auto& [path, value] : arp_cache_sysctls(link.name)) try_write_sysctl(path, value);
      for (const auto& address : net.addresses(link.index)) announce_quietly(link.name, address.cidr.address);
    }
  });
}

std::vector<Cidr> attach(const NetNs& container, const std::string& veth_id, const std::vector<Cidr>& cidrs,
                         const AttachOptions& options) {
  if (container == NetNs::current())
    throw Error(
        "Container is running in the host network namespace, and therefore cannot be\n"
        "connected to weave - perhaps the container was started with --net=host");
  Netlink net, inside = Netlink::in(container.fd());
  auto host = "vethwepl" + veth_id;
  bool created = !inside.find_link(options.interface);
  if (created) create_interface(net, container, host, options);
  OnFailure undo{[&] {
    if (created) remove_quietly(net, host);
  }};
  return container.run([&] {
    auto link = inside.link(options.interface);
    std::vector<Cidr> added;
    OnFailure take_back{[&] {
      if (created) return;
      for (const auto& cidr : added) quietly([&] { inside.remove_address(link.index, cidr); });
    }};
    for (const auto& cidr : cidrs)
      if (!has_address(inside.addresses(link.index), cidr.address) && inside.add_address(link.index, cidr))
        added.push_back(cidr);
    if (!added.empty()) accept_multicast(options, added);
    inside.set_up(link.index);
    for (const auto& cidr : added) {
      // The bridge learns a moment later that its port has carrier, and drops what comes before.
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      announce_quietly(options.interface, cidr.address);
    }
    // The last step: programs that wait for the network wait for this route.
    if (options.multicast_route) inside.add_route(kMulticast, link.index);
    return added;
  });
}

std::vector<Cidr> detach(const NetNs& container, const std::vector<Cidr>& cidrs, const AttachOptions& options) {
  return container.run([&] {
    Netlink net;
    auto link = net.find_link(options.interface);
    if (!link) throw Error("Link not found", "the container has no interface " + options.interface);
    // Otherwise the kernel drops the other addresses of a subnet together with its first.
    try_write_sysctl("ipv4/conf/" + options.interface + "/promote_secondaries", "1");
    std::vector<Cidr> removed;
    for (const auto& cidr : cidrs)
      for (const auto& address : net.addresses(link->index))
        if (address.cidr.address == cidr.address && net.remove_address(link->index, address.cidr))
          removed.push_back(address.cidr);
    auto left = net.addresses(link->index);
    std::vector<Cidr> gone;
    for (const auto& cidr : removed)
      if (std::none_of(left.begin(), left.end(), [&](const Address& a) { return a.cidr.masked() == cidr.masked(); }))
        gone.push_back(cidr);
    // The addresses are gone: whatever is left of them does no harm, and must not keep the caller from releasing them.
    if (!gone.empty() || left.empty()) quietly([&] { forget_multicast(options, gone, left.empty()); });
    if (left.empty()) quietly([&] { net.remove_link(options.interface); });
    return removed;
  });
}

std::vector<Link> container_ports(const std::string& bridge) {
  Netlink net;
  auto owner = required_bridge(net, bridge);
  std::vector<Link> ports;
  for (auto& link : net.links())
    if (link.master == owner.index && link.kind == "veth" && link.peer) ports.push_back(std::move(link));
  return ports;
}

std::vector<Attachment> list_attached(const NetNs& container, const std::vector<Link>& ports) {
  if (container == NetNs::current()) return {};
  auto net = Netlink::in(container.fd());
  std::vector<Attachment> attachments;
  for (const auto& link : net.links()) {
    // Indices repeat between namespaces, so both ends must name each other.
    bool ours = std::any_of(ports.begin(), ports.end(), [&](const Link& port) {
      return link.kind == "veth" && port.peer == link.index && link.peer == port.index;
    });
    if (!ours) continue;
    Attachment attachment{.interface = link.name, .mac = link.mac, .cidrs = {}};
    for (const auto& address : net.addresses(link.index)) attachment.cidrs.push_back(address.cidr);
    attachments.push_back(std::move(attachment));
  }
  return attachments;
}

std::vector<AddressUse> addresses_in_use(const std::string& bridge) {
  auto ports = container_ports(bridge);
  std::vector<AddressUse> uses;
  if (ports.empty()) return uses;
  for (const auto& netns : NetNs::all()) {
    try {
      for (const auto& attachment : list_attached(netns, ports))
        for (const auto& cidr : attachment.cidrs) uses.push_back({netns.inode(), attachment.interface, cidr});
    } catch (const Error& error) {
      log::debug("cannot look into a network namespace: reason={}", error.what());
    }
  }
  return uses;
}

}  // namespace weave::host
