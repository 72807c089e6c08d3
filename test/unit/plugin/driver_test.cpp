#include "plugin/driver.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "memory_backend.hpp"

using namespace weave;
using namespace weave::plugin;
using nlohmann::json;

namespace {

const std::string kNet(64, 'a'), kEnd(64, 'e'), kOther(64, 'f');
const std::string kPool = "weave-10.32.0.0/12-10.32.0.0/12";

struct House {
  explicit House(std::chrono::milliseconds deadline = std::chrono::seconds(5)) : driver(memory.backend(), deadline) {}
  Memory memory;
  asio::io_context io;
  Driver driver;

  http::Response raw(const std::string& endpoint, const std::string& body, std::string_view name = kMeshDriver) {
    http::Request request;
    request.method = "POST";
    request.target = "/" + endpoint;
    request.body = body;
    return run(io, driver.handle(name, request));
  }
  // The answer's JSON, or the text of its error.
  json call(const std::string& endpoint, const json& body) {
    auto response = raw(endpoint, body.dump());
    auto value = json::parse(response.body);
    if (response.status == 200) return value;
    CHECK(response.status == 500);
    return value.at("Err");
  }
  json address(const std::string& wanted, const json& options = nullptr, const std::string& pool = kPool) {
    return call("IpamDriver.RequestAddress", {{"PoolID", pool}, {"Address", wanted}, {"Options", options}});
  }
  json pool(const std::string& subnet, bool v6 = false) {
    return call("IpamDriver.RequestPool",
                {{"AddressSpace", "weavelocal"}, {"Pool", subnet}, {"SubPool", ""}, {"Options", {}}, {"V6", v6}});
  }
  json endpoint(const std::string& id, const std::string& cidr, const std::string& mac = "") {
    return call("NetworkDriver.CreateEndpoint",
                {{"NetworkID", kNet},
                 {"EndpointID", id},
                 {"Interface", {{"Address", cidr}, {"AddressIPv6", ""}, {"MacAddress", mac}}},
                 {"Options", json::object()}});
  }
};

json network(const json& generic, const std::string& space = "weavelocal") {
  return {{"NetworkID", kNet},
          {"Options", {{"com.docker.network.generic", generic}}},
          {"IPv4Data", json::array({{{"AddressSpace", space},
                                     {"Pool", "10.32.0.0/12"},
                                     {"Gateway", "10.32.0.0/12"},
                                     {"AuxAddresses", {{"x", "10.32.0.9/12"}}}}})}};
}

}  // namespace

TEST_CASE("an empty body of a call that needs one is an error") {
  House house;
  for (const char* endpoint : {"IpamDriver.RequestAddress", "IpamDriver.RequestPool", "NetworkDriver.CreateEndpoint"}) {
    auto response = house.raw(endpoint, "");
    CHECK(response.status == 400);
    CHECK(response.body == "Unable to decode JSON payload: EOF\n");
  }
  CHECK(house.memory.used.empty());
}

TEST_CASE("calls that the driver of that name doesn't serve are 404") {
  House house;
  CHECK(house.raw("IpamDriver.RequestPool", "{}", kGlobalDriver).status == 404);
  CHECK(house.raw("NetworkDriver.Nonsense", "{}").status == 404);
}

TEST_CASE("an address in use isn't given out again by --ip") {
  House house;
  CHECK(house.address("10.32.0.77").at("Address") == "10.32.0.77/12");
  CHECK(house.address("10.32.0.77") == "address 10.32.0.77 is in use by a container that is starting");
  house.endpoint(kEnd, "10.32.0.77/12");
  CHECK(house.address("10.32.0.77") == "address 10.32.0.77 is in use by endpoint eeeeeeeeeeee");
  house.call("IpamDriver.ReleaseAddress", {{"PoolID", kPool}, {"Address", "10.32.0.77"}});
  CHECK(house.address("10.32.0.77").at("Address") == "10.32.0.77/12");
}

TEST_CASE("an address left over by a removed container can be requested again") {
  House house;
  house.address("10.32.0.77");
  house.endpoint(kEnd, "10.32.0.77/12");
  house.memory.veths.clear();  // the kernel removed the pair with the container's namespace
  CHECK(house.address("10.32.0.77").at("Address") == "10.32.0.77/12");
}

TEST_CASE("gateway and auxiliary addresses are reserved") {
  House house;
  house.address("10.32.0.1", {{"RequestAddressType", "com.docker.network.gateway"}});
  house.address("10.32.0.9");
  house.call("NetworkDriver.CreateNetwork", network(json::object()));
  CHECK(house.address("10.32.0.1") == "address 10.32.0.1 is reserved as a gateway or auxiliary address");
  CHECK(house.address("10.32.0.9") == "address 10.32.0.9 is reserved as a gateway or auxiliary address");
  CHECK(house.address("").at("Address") == "10.32.0.2/12");
}

TEST_CASE("addresses outside the subnet, its network and broadcast addresses are refused") {
  House house;
  const std::string pool = "weave-10.33.0.0/16-10.33.5.0/24";
  CHECK(house.address("10.34.0.1", nullptr, pool) == "address 10.34.0.1 isn't in subnet 10.33.0.0/16");
  CHECK(house.address("10.33.0.0", nullptr, pool).is_string());
  CHECK(house.address("10.33.255.255", nullptr, pool).is_string());
  CHECK(house.address("", nullptr, pool).at("Address") == "10.33.5.1/16");
}

TEST_CASE("addresses are released through the pool that they were asked through only") {
  House house;
  house.address("10.33.0.5");
  house.call("IpamDriver.ReleaseAddress", {{"PoolID", "weave-10.33.0.0/16-10.33.0.0/16"}, {"Address", "10.33.0.5"}});
  CHECK(house.memory.used.size() == 1);
  house.call("IpamDriver.ReleaseAddress", {{"PoolID", kPool}, {"Address", "10.33.0.5"}});
  CHECK(house.memory.used.empty());
  CHECK(house.call("IpamDriver.ReleaseAddress", {{"PoolID", kPool}, {"Address", "10.33.0.5"}}) == json::object());
}

TEST_CASE("a network without subnet never gets the same pool twice") {
  House house;
  CHECK(house.pool("").at("Pool") == "10.32.0.0/12");
  const auto second = house.pool("");
  CHECK(second.at("PoolID") == "weave-10.32.0.0/24-10.32.0.0/24");
  CHECK(house.pool("").at("Pool") == "10.32.1.0/24");
  house.call("IpamDriver.ReleasePool", {{"PoolID", second.at("PoolID")}});
  CHECK(house.pool("").at("Pool") == "10.32.0.0/24");
}

TEST_CASE("a network without subnet is refused when the host's routes cover the range") {
  House house;
  house.memory.routes = {house.memory.range};
  CHECK(house.pool("") ==
        "no part of 10.32.0.0/12 is free of routes of this host and of other networks (name one with --subnet)");
}

TEST_CASE("IPv6 pools and subnets outside the range are refused at the network's creation") {
  House house;
  CHECK(house.pool("fd00:1::/64", true).get<std::string>().find("IPv4 addresses only") != std::string::npos);
  CHECK(house.pool("192.168.77.0/24").get<std::string>().find("outside Weave's allocation range 10.32.0.0/12") !=
        std::string::npos);
}

TEST_CASE("a MAC address given by Docker is set and not repeated in the answer") {
  House house;
  auto answer = house.endpoint(kEnd, "10.32.0.1/12", "02:11:22:33:44:55");
  CHECK(answer.at("Interface").at("MacAddress") == "");
  CHECK(house.memory.veths.at(kEnd).mac.str() == "02:11:22:33:44:55");
  CHECK(house.endpoint(kOther, "10.32.0.2/12", "01:00:00:00:00:00") ==
        "MAC address 01:00:00:00:00:00 isn't a unicast address");
  CHECK(house.memory.veths.size() == 1);
}

TEST_CASE("the multicast route follows the network's option, also after a restart of the plugin") {
  House house;
  CHECK(house.call("NetworkDriver.CreateNetwork", network({{"works.weave.multicast", "maybe"}})) ==
        "unrecognized value \"maybe\" for option works.weave.multicast");
  const json join{{"NetworkID", kNet}, {"EndpointID", kEnd}, {"SandboxKey", "/x"}, {"Options", {}}};
  CHECK(house.call("NetworkDriver.Join", join).at("StaticRoutes").is_null());
  CHECK(house.call("NetworkDriver.CreateNetwork", network({{"works.weave.multicast", "true"}})) == json::object());
  CHECK(house.call("NetworkDriver.Join", join).at("StaticRoutes").size() == 1);

  House second;
  second.memory.store = house.memory.store;
  run(second.io, second.driver.load());
  CHECK(second.call("NetworkDriver.Join", join).at("StaticRoutes").size() == 1);
}

TEST_CASE("network options without a meaning are accepted") {
  House house;
  CHECK(house.call("NetworkDriver.CreateNetwork", network({{"works.weave.dns", "maybe"}})) == json::object());
  CHECK(house.driver.table().networks.contains(kNet));
}

TEST_CASE("records of earlier versions load, with fields that have no meaning any more") {
  House house;
  house.memory.store = {
      {"network/n", R"({"multicast":true,"dns":false,"internal":true,"foreign_ipam":false,"pools":["10.32.0.0/12"]})"},
      {"endpoint/e",
       R"({"network":"n","address":"10.32.0.1/12","mac":"","sandbox":"/x","dns":true,"dns_servers":[]})"}};
  run(house.io, house.driver.load());
  CHECK(house.driver.table().networks.at("n").multicast);
  CHECK(house.driver.table().networks.at("n").pools == std::vector<std::string>{"10.32.0.0/12"});
  CHECK(house.driver.table().endpoints.at("e").address == Cidr::parse("10.32.0.1/12").value());
}

TEST_CASE("records that can't be read don't keep the plugin from starting") {
  House house;
  house.memory.store = {{"network/a", "{"}, {"network/b", R"({"multicast":3})"}, {"address/x", "{}"}, {"odd", "{}"}};
  run(house.io, house.driver.load());
  CHECK(house.driver.table().networks.empty());
  CHECK(house.driver.table().addresses.empty());
}

TEST_CASE("deleting an unknown network or endpoint succeeds") {
  House house;
  const json end{{"NetworkID", kNet}, {"EndpointID", kEnd}};
  for (const char* endpoint : {"NetworkDriver.Leave", "NetworkDriver.DeleteEndpoint", "NetworkDriver.DeleteNetwork"})
    CHECK(house.call(endpoint, end) == json::object());
  CHECK(house.call("IpamDriver.ReleasePool", {{"PoolID", "whatever"}}) == json::object());
}

TEST_CASE("ids that cannot name a link are refused") {
  House house;
  CHECK(house.endpoint("../../../x", "").is_string());
  CHECK(house.endpoint("short", "").is_string());
  CHECK(house.memory.veths.empty());
}

TEST_CASE("a call that takes too long is answered with an error and leaves nothing behind") {
  House house(std::chrono::milliseconds(20));
  house.memory.delay = std::chrono::milliseconds(100);
  CHECK(house.address("") == "IP allocation isn't ready: waiting for peers (see weave status ipam)");
  CHECK(house.endpoint(kEnd, "10.32.0.1/12").is_string());
  CHECK(house.memory.used.empty());
  CHECK(house.memory.veths.empty());
  CHECK(house.memory.store.empty());
}

TEST_CASE("networks with Docker's own addresses are named in the warnings") {
  House house;
  house.call("NetworkDriver.CreateNetwork", network(json::object()));
  CHECK(house.driver.warnings().empty());
  house.call("NetworkDriver.CreateNetwork", network(json::object(), "LocalDefault"));
  CHECK(house.driver.warnings().size() == 1);
}

TEST_CASE("reconciliation removes only endpoints that Docker missed twice") {
  House house;
  house.call("NetworkDriver.CreateNetwork", network(json::object()));
  house.address("");
  house.endpoint(kEnd, "10.32.0.1/12");
  house.address("");
  house.endpoint(kOther, "10.32.0.2/12");
  const Driver::Known known{{kNet}, {kOther}, {*Ipv4::parse("10.32.0.2")}};
  CHECK(run(house.io, house.driver.reconcile(known)).empty());
  CHECK(run(house.io, house.driver.reconcile(known)).size() == 2);
  CHECK(house.memory.used == std::set<Ipv4>{*Ipv4::parse("10.32.0.2")});
  CHECK(house.memory.veths.size() == 1);
  CHECK(house.driver.table().networks.size() == 1);
  CHECK(run(house.io, house.driver.reconcile(known)).empty());
}
