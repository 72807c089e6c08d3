#include <catch2/catch.hpp>

#include "host/netlink.hpp"
#include "host/netns.hpp"

using namespace weave;
using namespace weave::host;
using Catch::Matchers::Contains;

namespace {

Cidr cidr(const char* text) {
  return Cidr::parse(text).value();
}

}  // namespace

TEST_CASE("namespaces are told apart by identity, not by path") {
  auto own = NetNs::current();
  auto other = NetNs::make();
  CHECK(own == NetNs::of_pid(::getpid()));
  CHECK_FALSE(own == other);
  CHECK(other.run([] { return NetNs::current(); }) == other);
  CHECK(own == NetNs::current());
  CHECK_THROWS_WITH(NetNs::open("/etc/hostname"), Contains("is not a namespace"));
  CHECK_THROWS_WITH(NetNs::open("/nowhere"), Contains("No such file"));
}

TEST_CASE("an exception leaves the code that runs inside a namespace") {
  CHECK_THROWS_WITH(NetNs::make().run([] { throw Error("inside"); }), "inside");
}

TEST_CASE("sysctls belong to the namespace of the thread") {
  auto space = NetNs::make();
  auto inside = Netlink::in(space.fd());
  inside.create_bridge("br0");
  space.run([] {
    write_sysctl("ipv4/conf/br0/arp_notify", "1");
    CHECK(read_sysctl("ipv4/conf/br0/arp_notify") == "1");
    CHECK_FALSE(try_write_sysctl("ipv4/conf/br1/arp_notify", "1"));
  });
  CHECK_THROWS_WITH(write_sysctl("ipv4/conf/br0/arp_notify", "1"), Contains("cannot write"));
}

TEST_CASE("a bridge is made, changed and removed") {
  auto net = Netlink::in(NetNs::make().fd());
  CHECK_FALSE(net.find_link("weave"));
  CHECK_THROWS_WITH(net.link("weave"), "link weave not found");
  net.create_bridge("weave");
  auto mac = Mac::parse("02:11:22:33:44:55").value();
  auto index = net.link("weave").index;
  net.set_mac(index, mac);
  net.set_mtu(index, 1410);
  net.set_up(index);
  auto bridge = net.link("weave");
  CHECK(bridge.kind == "bridge");
  CHECK(bridge.mac == mac);
  CHECK(bridge.mtu == 1410);
  CHECK(bridge.up);
  CHECK_THROWS_WITH(net.create_bridge("weave"), Contains("cannot create bridge weave: File exists"));
  net.set_up(index, false);
  net.set_name(index, "woven");
  CHECK(net.find_link(index)->name == "woven");
  CHECK(net.links().size() == 2);
  CHECK(net.remove_link("woven"));
  CHECK_FALSE(net.remove_link("woven"));
  CHECK_FALSE(net.find_link(index));
}

TEST_CASE("a veth is created with its peer in another namespace") {
  auto here = NetNs::make(), there = NetNs::make();
  auto net = Netlink::in(here.fd()), guest = Netlink::in(there.fd());
  auto mac = Mac::parse("0a:00:00:00:00:01").value();
  net.create_veth({.name = "host0", .peer = "ethwe", .peer_netns = there.fd(), .mtu = 1376, .peer_mac = mac});
  auto host = net.link("host0"), inside = guest.link("ethwe");
  CHECK(host.kind == "veth");
  CHECK(host.mtu == 1376);
  CHECK(inside.mtu == 1376);
  CHECK(inside.mac == mac);
  CHECK(host.peer == inside.index);
  CHECK(inside.peer == host.index);
  CHECK_FALSE(net.find_link("ethwe"));
  guest.remove_link("ethwe");
  CHECK_FALSE(net.find_link("host0"));
}

TEST_CASE("bridge ports: master, hairpin, offload, moving away") {
  auto here = NetNs::make(), there = NetNs::make();
  auto net = Netlink::in(here.fd());
  net.create_bridge("weave");
  net.create_veth({.name = "a", .peer = "b"});
  auto bridge = net.link("weave").index, port = net.link("a").index;
  net.set_master(port, bridge);
  CHECK(net.link("a").master == bridge);
  CHECK_FALSE(net.hairpin(port));
  net.set_hairpin(port, true);
  CHECK(net.hairpin(port));
  CHECK(net.tx_checksum("b"));
  net.set_tx_checksum("b", false);
  CHECK_FALSE(net.tx_checksum("b"));
  net.set_netns(net.link("b").index, there.fd());
  CHECK_FALSE(net.find_link("b"));
  CHECK(Netlink::in(there.fd()).find_link("b"));
  net.set_master(port, 0);
  CHECK(net.link("a").master == 0);
}

TEST_CASE("addresses are added once and removed once") {
  auto net = Netlink::in(NetNs::make().fd());
  net.create_bridge("weave");
  auto index = net.link("weave").index;
  CHECK(net.add_address(index, cidr("10.32.0.1/12")));
  CHECK_FALSE(net.add_address(index, cidr("10.32.0.1/12")));
  CHECK(net.add_address(index, cidr("10.32.0.2/12")));
  auto addresses = net.addresses(index);
  REQUIRE(addresses.size() == 2);
  CHECK(addresses[0].cidr == cidr("10.32.0.1/12"));
  CHECK_FALSE(addresses[0].secondary);
  CHECK(addresses[1].secondary);
  CHECK(net.remove_address(index, cidr("10.32.0.2/12")));
  CHECK_FALSE(net.remove_address(index, cidr("10.32.0.2/12")));
  CHECK_THROWS_WITH(net.add_address(9999, cidr("10.0.0.1/8")), Contains("cannot add address 10.0.0.1/8"));
}

TEST_CASE("routes of the main table") {
  auto net = Netlink::in(NetNs::make().fd());
  net.create_bridge("weave");
  auto index = net.link("weave").index;
  net.set_up(index);
  net.add_address(index, cidr("10.32.0.1/12"));
  CHECK(net.add_route(cidr("224.0.0.0/4"), index));
  CHECK_FALSE(net.add_route(cidr("224.0.0.0/4"), index));
  CHECK(net.add_route(cidr("0.0.0.0/0"), index, Ipv4::parse("10.32.0.9").value()));
  std::vector<std::string> found;
  for (const auto& route : net.routes()) found.push_back(route.destination.str());
  CHECK(found == std::vector<std::string>{"0.0.0.0/0", "10.32.0.0/12", "224.0.0.0/4"});
  CHECK(net.routes()[0].gateway->str() == "10.32.0.9");
  CHECK(net.remove_route(cidr("224.0.0.0/4"), index));
  CHECK_FALSE(net.remove_route(cidr("224.0.0.0/4"), index));
}

TEST_CASE("an interface name that is too long is refused with a reason") {
  auto net = Netlink::in(NetNs::make().fd());
  CHECK_THROWS_WITH(net.create_bridge("sixteen-letters!"), Contains("is no interface name"));
  CHECK_THROWS_WITH(net.find_link(""), Contains("is no interface name"));
}
