#include "host/attach.hpp"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>

#include "base/bytes.hpp"
#include "base/hex.hpp"
#include "host/bridge.hpp"

using namespace weave;
using namespace weave::host;
using Catch::Matchers::Contains;

namespace {

Cidr cidr(const char* text) {
  return Cidr::parse(text).value();
}
const Mac kPeer = Mac::parse("02:00:00:00:00:20").value();

// A host with a bridge; `body` runs inside.
template <class Body>
void on_host(Body body) {
  NetNs::make().run([&] {
    ensure_bridge({.mac = kPeer, .mtu = 1410});
    body();
  });
}

std::vector<std::string> rules_inside(const NetNs& container) {
  return container.run([] { return Iptables().save("filter")["filter"]["INPUT"]; });
}

}  // namespace

TEST_CASE("a plugin endpoint gets a veth with the bridge's MTU and a MAC") {
  on_host([] {
    const std::string id = "8f5cc41a38fba536c36b77e2f1912557858c3258e236d96a42374f065e70e718";
    auto veth = create_endpoint_veth(id);
    CHECK(veth.host == "vethwl8f5cc41a3");
    CHECK(veth.container == "vethwg8f5cc41a3");
    Netlink net;
    auto host = net.link(veth.host), container = net.link(veth.container);
    CHECK(container.mac == veth.mac);
    CHECK_FALSE(veth.mac.multicast());
    CHECK(host.master == net.link("weave").index);
    CHECK(host.up);
    CHECK(host.mtu == 1410);
    CHECK(container.mtu == 1410);
    CHECK_FALSE(net.hairpin(host.index));
    SECTION("repeating replaces it") {
      auto mac = Mac::parse("02:42:00:00:00:07").value();
      CHECK(create_endpoint_veth(id, mac, 1376).mac == mac);
      CHECK(net.link(veth.container).mtu == 1376);
    }
    SECTION("deleting is idempotent") {
      CHECK(delete_endpoint_veth(id));
      CHECK_FALSE(net.find_link(veth.container));
      CHECK_FALSE(delete_endpoint_veth(id));
    }
    SECTION("pairs of the first releases are found") {
      delete_endpoint_veth(id);
      net.create_veth({.name = "vethwl8f5cc", .peer = "vethwg8f5cc"});
      CHECK(delete_endpoint_veth(id));
    }
  });
}

TEST_CASE("an endpoint that cannot be created leaves no interface") {
  NetNs::make().run([] {
    CHECK_THROWS_WITH(create_endpoint_veth("0123456789"), "bridge \"weave\" not present; did you launch weave?");
    Netlink net;
    net.create_veth({.name = "weave", .peer = "other"});  // can't have ports
    CHECK_THROWS_AS(create_endpoint_veth("0123456789"), Error);
    CHECK(net.links().size() == 3);
  });
}

TEST_CASE("attach gives interface, addresses, routes and rules; again changes nothing") {
  on_host([] {
    auto container = NetNs::make();
    std::vector<Cidr> cidrs{cidr("10.32.0.4/12"), cidr("10.32.7.4/24")};
    CHECK(attach(container, "4711", cidrs) == cidrs);
    CHECK(attach(container, "4711", cidrs).empty());
    Netlink net;
    auto host = net.link("vethwepl4711");
    CHECK(host.up);
    CHECK(net.hairpin(host.index));
    auto inside = Netlink::in(container.fd());
    auto link = inside.link("ethwe");
    CHECK(link.up);
    CHECK(link.mtu == 1410);
    std::vector<std::string> routes;
    for (const auto& route : inside.routes()) routes.push_back(route.destination.str());
    CHECK(routes == std::vector<std::string>{"10.32.0.0/12", "10.32.7.0/24", "224.0.0.0/4"});
    CHECK(rules_inside(container) ==
          std::vector<std::string>{"-A INPUT -s 10.32.7.0/24 -d 224.0.0.0/4 -i ethwe -j ACCEPT",
                                   "-A INPUT -s 10.32.0.0/12 -d 224.0.0.0/4 -i ethwe -j ACCEPT",
                                   "-A INPUT -d 224.0.0.0/4 -i ethwe -j DROP"});
    CHECK(container.run([] { return read_sysctl("ipv4/neigh/ethwe/ucast_solicit"); }) == "1");
    auto attached = list_attached(container, container_ports());
    REQUIRE(attached.size() == 1);
    CHECK(attached[0].interface == "ethwe");
    CHECK(attached[0].mac == link.mac);
    CHECK(attached[0].cidrs == cidrs);
    SECTION("detach removes the interface with the last address") {
      CHECK(detach(container, {cidr("10.32.0.4/12"), cidr("10.99.0.1/24")}) == std::vector<Cidr>{cidr("10.32.0.4/12")});
      CHECK(rules_inside(container).size() == 2);
      CHECK(detach(container, {cidr("10.32.7.4/24")}).size() == 1);
      CHECK(rules_inside(container).empty());
      CHECK_FALSE(inside.find_link("ethwe"));
      CHECK_FALSE(net.find_link("vethwepl4711"));
      CHECK_THROWS_WITH(detach(container, cidrs), "Link not found");
    }
  });
}

TEST_CASE("detaching the first address of a subnet keeps the second") {
  on_host([] {
    auto container = NetNs::make();
    attach(container, "1", {cidr("10.32.0.4/12"), cidr("10.32.0.5/12")});
    detach(container, {cidr("10.32.0.4/12")});
    auto attached = list_attached(container, container_ports());
    REQUIRE(attached.size() == 1);
    CHECK(attached[0].cidrs == std::vector<Cidr>{cidr("10.32.0.5/12")});
    CHECK(rules_inside(container).size() == 2);
  });
}

TEST_CASE("two addresses of one subnet are detached by one call") {
  on_host([] {
    auto container = NetNs::make();
    std::vector<Cidr> both{cidr("10.32.0.4/24"), cidr("10.32.0.5/24")};
    attach(container, "1", both);
    CHECK(detach(container, both) == both);
    CHECK(rules_inside(container).empty());
    CHECK_FALSE(Netlink::in(container.fd()).find_link("ethwe"));
  });
}

TEST_CASE("addresses are detached although their firewall rules cannot be removed") {
  on_host([] {
    auto container = NetNs::make();
    attach(container, "1", {cidr("10.32.0.4/24")});
    AttachOptions options;
    options.iptables = Iptables("no-such-iptables");
    CHECK(detach(container, {cidr("10.32.0.4/24")}, options).size() == 1);
    CHECK_FALSE(Netlink::in(container.fd()).find_link("ethwe"));
  });
}

TEST_CASE("a failed attach of further addresses removes those that it added") {
  on_host([] {
    auto container = NetNs::make();
    attach(container, "1", {cidr("10.32.0.4/24")});
    AttachOptions options;
    options.iptables = Iptables("no-such-iptables");
    CHECK_THROWS_AS(attach(container, "1", {cidr("10.32.0.5/24"), cidr("10.33.0.5/24")}, options), Error);
    auto attached = list_attached(container, container_ports());
    REQUIRE(attached.size() == 1);
    CHECK(attached[0].cidrs == std::vector<Cidr>{cidr("10.32.0.4/24")});
  });
}

TEST_CASE("attach without multicast route, to its own namespace, without bridge") {
  on_host([] {
    auto container = NetNs::make();
    attach(container, "2", {cidr("10.32.0.4/12")}, {.mtu = 1300, .multicast_route = false, .keep_tx = false});
    auto inside = Netlink::in(container.fd());
    CHECK(inside.routes().size() == 1);
    CHECK(inside.link("ethwe").mtu == 1300);
    CHECK_FALSE(inside.tx_checksum("ethwe"));
    CHECK_THROWS_WITH(attach(NetNs::current(), "3", {}), Contains("host network namespace"));
    remove_bridge();
    CHECK_THROWS_WITH(attach(NetNs::make(), "4", {}), Contains("did you launch weave?"));
  });
}

TEST_CASE("a failed attach leaves no interface") {
  on_host([] {
    auto container = NetNs::make();
    AttachOptions options;
    options.iptables = Iptables("no-such-iptables");
    CHECK_THROWS_AS(attach(container, "5", {cidr("10.32.0.4/12")}, options), Error);
    CHECK_FALSE(Netlink().find_link("vethwepl5"));
    CHECK_FALSE(Netlink::in(container.fd()).find_link("ethwe"));
  });
}

TEST_CASE("containers reach one another, and a new address is announced") {
  on_host([] {
    auto one = NetNs::make(), two = NetNs::make();
    attach(one, "1", {cidr("10.32.0.1/12")});
    UniqueFd listener = one.run([] {
      UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ARP)));
      sockaddr_ll at{};
      at.sll_family = AF_PACKET;
      at.sll_protocol = htons(ETH_P_ARP);
      at.sll_ifindex = Netlink().link("ethwe").index;
      REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
      return fd;
    });
    attach(two, "2", {cidr("10.32.0.2/12")});
    pollfd ready{listener.get(), POLLIN, 0};
    REQUIRE(::poll(&ready, 1, 5000) == 1);
    uint8_t frame[100];
    auto size = ::recv(listener.get(), frame, sizeof frame, 0);
    REQUIRE(size == 42);
    auto mac = to_hex(Netlink::in(two.fd()).link("ethwe").mac.bytes);
    CHECK(to_hex(ByteView(frame, 42)) ==
          "ffffffffffff" + mac + "0806" + "0001080006040001" + mac + "0a200002" + "ffffffffffff" + "0a200002");
    auto receiver = one.run([] { return UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); });
    sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(7), .sin_addr = {htonl(0x0a200001)}, .sin_zero = {}};
    REQUIRE(::bind(receiver.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
    auto sender = two.run([] { return UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); });
    REQUIRE(::sendto(sender.get(), "hello", 5, 0, reinterpret_cast<sockaddr*>(&to), sizeof to) == 5);
    ready = {receiver.get(), POLLIN, 0};
    REQUIRE(::poll(&ready, 1, 5000) == 1);
    CHECK(::recv(receiver.get(), frame, sizeof frame, 0) == 5);
  });
}

TEST_CASE("a started plugin container is announced on every weave interface") {
  on_host([] {
    auto container = NetNs::make();
    auto veth = create_endpoint_veth("0123456789abcdef");
    Netlink net;
    auto index = net.link(veth.container).index;
    net.set_name(index, "ethwe0");
    net.set_netns(index, container.fd());
    auto inside = Netlink::in(container.fd());
    auto link = inside.link("ethwe0");
    inside.add_address(link.index, cidr("10.32.0.7/12"));
    inside.set_up(link.index);
    announce_container(container);
    CHECK(container.run([] { return read_sysctl("ipv4/neigh/ethwe0/base_reachable_time"); }) == "5");
    auto attached = list_attached(container, container_ports());
    REQUIRE(attached.size() == 1);
    CHECK(attached[0].interface == "ethwe0");
    CHECK(attached[0].cidrs == std::vector<Cidr>{cidr("10.32.0.7/12")});
  });
}

TEST_CASE("the bridge is made once and adopted afterwards") {
  NetNs::make().run([] {
    CHECK(bridge_type() == BridgeType::kNone);
    CHECK(mtu_from_underlay(false) == 1410);
    CHECK(mtu_from_underlay(true) == 1376);
    auto first = ensure_bridge({.mac = kPeer});
    CHECK(first.mac == kPeer);
    CHECK(first.mtu == 1410);
    CHECK(first.up);
    CHECK(bridge_type() == BridgeType::kBridge);
    CHECK(read_sysctl("ipv4/neigh/weave/delay_first_probe_time") == "2");
    Netlink net;
    net.add_address(first.index, cidr("10.32.0.9/12"));
    auto veth = create_endpoint_veth("0123456789abcdef", {}, 9000);
    net.set_mtu(first.index, 8000);
    auto second = ensure_bridge({.mac = kPeer});
    CHECK(second.index == first.index);
    CHECK(second.mtu == 8000);
    CHECK(net.addresses(first.index).size() == 1);
    CHECK(net.link(veth.host).master == first.index);
    CHECK(ensure_bridge({.mac = kPeer, .mtu = 1300}).mtu == 1300);
    remove_bridge();
    CHECK(net.links().size() == 1);
    remove_bridge();
  });
}

TEST_CASE("the MTU follows the devices of the default route and of the routes to the peers") {
  NetNs::make().run([] {
    Netlink net;
    net.create_veth({.name = "eth0", .peer = "cable", .mtu = 9000});
    auto index = net.link("eth0").index;
    net.set_up(index);
    net.add_address(index, cidr("192.168.0.2/24"));
    net.add_route(cidr("0.0.0.0/0"), index, Ipv4::parse("192.168.0.1").value());
    CHECK(mtu_from_underlay(false) == 8910);
    net.create_veth({.name = "vpn0", .peer = "vpn1", .mtu = 1420});
    net.set_up(net.link("vpn0").index);
    net.add_address(net.link("vpn0").index, cidr("10.9.0.1/24"));
    CHECK(mtu_from_underlay(false, {Ipv4::parse("10.9.0.2").value()}) == 1330);
    CHECK(mtu_from_underlay(false, {Ipv4::parse("192.168.0.9").value()}) == 8910);
    CHECK(ensure_bridge({.mac = kPeer, .encrypted = true}).mtu == 8876);
  });
}

TEST_CASE("an inconsistent state of the bridge is refused") {
  NetNs::make().run([] {
    Netlink net;
    net.create_veth({.name = "weave", .peer = "other"});
    CHECK_THROWS_WITH(ensure_bridge({.mac = kPeer}), Contains("Inconsistent bridge state detected"));
    net.remove_link("weave");
    net.create_bridge("datapath");
    CHECK_THROWS_WITH(bridge_type(), Contains("'weave reset'"));
    remove_bridge();
    CHECK(bridge_type() == BridgeType::kNone);
  });
}

TEST_CASE("the Docker bridge keeps its MAC when ports come and go") {
  NetNs::make().run([] {
    Netlink net;
    net.create_bridge("docker0");
    auto before = net.link("docker0");
    ensure_bridge({.mac = kPeer, .docker_bridge = "docker0"});
    net.create_veth({.name = "port", .peer = "peer"});
    net.set_mac(net.link("port").index, Mac::parse("00:00:00:00:00:01").value());
    net.set_master(net.link("port").index, before.index);
    CHECK(net.link("docker0").mac == before.mac);
  });
}
