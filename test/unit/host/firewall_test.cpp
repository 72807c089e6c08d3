#include "host/firewall.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "base/fd.hpp"
#include "base/process.hpp"
#include "host/bridge.hpp"
#include "host/expose.hpp"
#include "host/identity.hpp"
#include "host/netns.hpp"
#include "host/routes.hpp"
#include "unit/temp_dir.hpp"
#include "unit/vectors.hpp"

using namespace weave;
using namespace weave::host;
using Catch::Matchers::Contains;
using Rules = std::vector<std::string>;

namespace {

Cidr cidr(const char* text) {
  return Cidr::parse(text).value();
}
const Mac kPeer = Mac::parse("02:00:00:00:00:20").value();

// Both back ends, where the kernel has both.
Rules backends() {
  Rules found;
  for (const char* command : {"iptables-nft", "iptables-legacy"})
    if (NetNs::make().run([&] { return run({command, "-t", "nat", "-S"}); }).status == 0) found.emplace_back(command);
  return found;
}

// The rules of the built-in chains named, then those of ours, as the vectors list them.
Rules flat(const SavedTable& table, const Rules& chains) {
  Rules rules;
  for (const auto& chain : chains)
    if (auto found = table.find(chain); found != table.end())
      rules.insert(rules.end(), found->second.begin(), found->second.end());
  return rules;
}

FirewallConfig with_docker() {
  FirewallConfig config;
  config.docker_bridge = DockerBridge{"docker0", Ipv4::parse("172.17.0.1").value()};
  return config;
}

}  // namespace

TEST_CASE("the rule sets equal those of Weave Net with either back end") {
  auto cases = test::vectors("host/host-firewall.json").at("cases");
  REQUIRE_FALSE(backends().empty());
  for (const auto& command : backends())
    for (int number : {0, 1}) {
      CAPTURE(command, number);
      const auto& expected = cases.at(static_cast<size_t>(number));
      NetNs::make().run([&] {
        Firewall firewall(Iptables(command), number == 0 ? FirewallConfig() : with_docker());
        firewall.start();
        auto saved = Iptables(command).save();
        CHECK(flat(saved["filter"], {"INPUT", "FORWARD"}) == expected.at("filter").at("rules").get<Rules>());
        CHECK(saved["filter"].contains("WEAVE-EXPOSE"));
        CHECK(flat(saved["nat"], {"POSTROUTING"}) == Rules{expected.at("nat").at("rules").at(0).get<std::string>()});
        CHECK(saved["nat"].contains("WEAVE"));
        CHECK(firewall.ensure().tables.empty());
        firewall.uninstall();
        for (const auto& [name, table] : Iptables(command).save())
          for (const auto& [chain, rules] : table) {
            CAPTURE(name, chain);
            CHECK(rules.empty());
            CHECK_FALSE(chain.starts_with("WEAVE"));
          }
      });
    }
}

TEST_CASE("containers on Docker's user-defined bridges may ask the DNS server while the bridge is there") {
  Link docker{.name = "br-0123456789ab", .kind = "bridge"};
  CHECK(user_bridges({docker, {.name = "br-lan", .kind = "bridge"}, {.name = "br-0123456789ac", .kind = "veth"}}) ==
        Rules{"br-0123456789ab"});
  NetNs::make().run([&] {
    Firewall firewall(Iptables::of_docker(), with_docker());
    firewall.start();
    firewall.set_user_bridges({});
    CHECK_FALSE(firewall.iptables().save()["filter"].contains("WEAVE-DNS"));
    firewall.set_user_bridges({"br-0123456789ab"});
    auto chain = [&] { return firewall.iptables().save()["filter"]["WEAVE-DNS"]; };
    CHECK(chain() == Rules{"-A WEAVE-DNS -i br-0123456789ab -p udp -m udp --dport 53 -j ACCEPT",
                           "-A WEAVE-DNS -i br-0123456789ab -p tcp -m tcp --dport 53 -j ACCEPT"});
    firewall.set_user_bridges({});
    CHECK(chain().empty());
    CHECK(firewall.ensure().tables.empty());
    firewall.uninstall();
    CHECK_FALSE(firewall.iptables().save()["filter"].contains("WEAVE-DNS"));
  });
}

TEST_CASE("exposing adds Weave Net's rules, hiding removes all of them") {
  auto cases = test::vectors("host/host-firewall.json").at("cases");
  for (const auto& command : backends()) {
    CAPTURE(command);
    NetNs::make().run([&] {
      Firewall firewall(Iptables(command), {});
      firewall.start();
      firewall.add({.cidr = cidr("10.32.0.99/12")});
      auto saved = Iptables(command).save();
      CHECK(saved["nat"]["WEAVE"] == cases.at(3).at("adds").at("nat").get<Rules>());
      CHECK(saved["filter"]["WEAVE-EXPOSE"] == cases.at(3).at("adds").at("filter").get<Rules>());
      firewall.add({.cidr = cidr("10.48.0.1/24"), .masquerade = false});
      saved = Iptables(command).save();
      CHECK(saved["nat"]["WEAVE"].size() == 3);
      CHECK(saved["filter"]["WEAVE-EXPOSE"].back() == cases.at(4).at("adds").at("filter").at(0).get<std::string>());
      CHECK(firewall.ensure().tables.empty());
      CHECK(firewall.remove(cidr("10.32.0.99/12")));
      CHECK_FALSE(firewall.remove(cidr("10.32.0.99/12")));
      saved = Iptables(command).save();
      CHECK(saved["nat"]["WEAVE"].empty());
      CHECK(saved["filter"]["WEAVE-EXPOSE"].size() == 1);
    });
  }
}

TEST_CASE("flushed, deleted and misplaced rules are repaired, others stay") {
  for (const auto& command : backends()) {
    CAPTURE(command);
    NetNs::make().run([&] {
      auto apply = [&](Rules arguments) {
        arguments.insert(arguments.begin(), command);
        run_checked(arguments);
      };
      auto config = with_docker();
      config.exposures = {{.cidr = cidr("10.32.0.99/12")}};
      Firewall firewall(Iptables(command), config);
      apply({"-A", "INPUT", "-p", "udp", "--dport", "9", "-j", "DROP"});
      firewall.start();
      auto whole = Iptables(command).save();
      CHECK(whole["filter"]["INPUT"].size() == 7);
      bool missing = false;
      auto repaired = [&] {
        auto ensured = firewall.ensure();
        missing = ensured.missing;
        auto now = Iptables(command).save();
        for (const char* chain : {"FORWARD", "WEAVE-EXPOSE"}) CHECK(now["filter"][chain] == whole["filter"][chain]);
        CHECK(now["nat"]["WEAVE"] == whole["nat"]["WEAVE"]);
        CHECK(now["nat"]["POSTROUTING"] == whole["nat"]["POSTROUTING"]);
        CHECK(firewall.ensure().tables.empty());
        return ensured.tables;
      };
      SECTION("flushed filter of " + command) {
        apply({"-F"});
        CHECK(repaired() == Rules{"filter"});
        CHECK(Iptables(command).save()["filter"]["INPUT"].size() == 6);
      }
      SECTION("flushed nat of " + command) {
        apply({"-t", "nat", "-F"});
        CHECK(repaired() == Rules{"nat"});
      }
      SECTION("deleted chains of " + command) {
        apply({"-F"});
        apply({"-X"});
        apply({"-t", "nat", "-F"});
        apply({"-t", "nat", "-X"});
        CHECK(repaired().size() == 2);
      }
      SECTION("one rule gone of " + command) {
        apply({"-D", "FORWARD", "-i", "weave", "-o", "weave", "-j", "ACCEPT"});
        CHECK(repaired() == Rules{"filter"});
        CHECK(missing);
      }
      SECTION("overtaken by a decision of " + command) {
        apply({"-I", "FORWARD", "-i", "docker_gwbridge", "!", "-o", "docker_gwbridge", "-j", "ACCEPT"});
        CHECK(firewall.ensure().tables == Rules{"filter"});
        auto forward = Iptables(command).save()["filter"]["FORWARD"];
        CHECK(forward.front() == whole["filter"]["FORWARD"].front());
        CHECK(forward.size() == 6);
      }
      SECTION("an operator's rule above ours keeps its place, " + command) {
        apply({"-I", "FORWARD", "-s", "192.0.2.7", "-o", "weave", "-j", "DROP"});
        CHECK(firewall.ensure().tables.empty());
        apply({"-D", "FORWARD", "-i", "weave", "-o", "weave", "-j", "ACCEPT"});
        CHECK(firewall.ensure().tables == Rules{"filter"});
        auto forward = Iptables(command).save()["filter"]["FORWARD"];
        CHECK(forward.front() == "-A FORWARD -s 192.0.2.7/32 -o weave -j DROP");
        forward.erase(forward.begin());
        CHECK(forward == whole["filter"]["FORWARD"]);
      }
      SECTION("an operator's rule between ours keeps its place, " + command) {
        apply({"-I", "FORWARD", "3", "-s", "192.0.2.7", "-o", "weave", "-j", "DROP"});
        CHECK(firewall.ensure().tables.empty());
        apply({"-D", "FORWARD", "-i", "weave", "!", "-o", "weave", "-j", "ACCEPT"});
        firewall.ensure();
        CHECK(Iptables(command).save()["filter"]["FORWARD"].at(2) == "-A FORWARD -s 192.0.2.7/32 -o weave -j DROP");
      }
      SECTION("rules in another order are put in order, " + command) {
        apply({"-D", "FORWARD", "-i", "weave", "-o", "weave", "-j", "ACCEPT"});
        apply({"-A", "FORWARD", "-i", "weave", "-o", "weave", "-j", "ACCEPT"});
        CHECK(repaired() == Rules{"filter"});
        CHECK_FALSE(missing);
      }
      SECTION("after a flush ours begin behind DOCKER-USER and specific rules, ahead of the others, " + command) {
        apply({"-F", "FORWARD"});
        apply({"-N", "DOCKER-USER"});
        apply({"-N", "DOCKER-ISOLATION"});
        apply({"-A", "FORWARD", "-j", "DOCKER-USER"});
        apply({"-A", "FORWARD", "-s", "192.0.2.7", "-j", "DROP"});
        apply({"-A", "FORWARD", "-j", "DOCKER-ISOLATION"});
        apply({"-A", "FORWARD", "-j", "REJECT"});
        CHECK(firewall.ensure().tables == Rules{"filter"});
        auto forward = Iptables(command).save()["filter"]["FORWARD"];
        REQUIRE(forward.size() == 9);
        CHECK(forward[0] == "-A FORWARD -j DOCKER-USER");
        CHECK(forward[1] == "-A FORWARD -s 192.0.2.7/32 -j DROP");
        CHECK(Rules(forward.begin() + 2, forward.begin() + 7) == whole["filter"]["FORWARD"]);
        CHECK(forward[7] == "-A FORWARD -j DOCKER-ISOLATION");
        CHECK(firewall.ensure().tables.empty());
      }
      SECTION("in INPUT ours are ahead of what was there, and stay below what comes later, " + command) {
        apply({"-F", "INPUT"});
        apply({"-A", "INPUT", "-p", "tcp", "--dport", "6783", "-j", "ACCEPT"});
        apply({"-A", "INPUT", "-j", "REJECT"});
        CHECK(firewall.ensure().tables == Rules{"filter"});
        auto input = Iptables(command).save()["filter"]["INPUT"];
        REQUIRE(input.size() == 8);
        CHECK(input[0] == "-A INPUT -d 172.17.0.1/32 -i docker0 -p tcp -m tcp --dport 6783 -j DROP");
        CHECK(input[6] == "-A INPUT -p tcp -m tcp --dport 6783 -j ACCEPT");
        apply({"-I", "INPUT", "-i", "docker0", "-j", "ACCEPT"});
        CHECK(firewall.ensure().tables.empty());
        apply({"-D", "INPUT", "-d", "172.17.0.1/32", "-i", "docker0", "-p", "tcp", "--dport", "6783", "-j", "DROP"});
        CHECK(firewall.ensure().tables == Rules{"filter"});
        CHECK(Iptables(command).save()["filter"]["INPUT"][0] == "-A INPUT -i docker0 -j ACCEPT");
      }
      SECTION("a jump ahead is left alone, " + command) {
        apply({"-N", "DOCKER-USER"});
        apply({"-I", "FORWARD", "-j", "DOCKER-USER"});
        CHECK(firewall.ensure().tables.empty());
      }
    });
  }
}

TEST_CASE("a missing match costs a comment, or the rules that need it") {
  CHECK(missing_match("Warning: Extension comment revision 0 not supported, missing kernel module?\n"
                      "iptables-restore v1.8.9 (nf_tables): line 5: RULE_APPEND failed (No such file or directory)") ==
        "comment");
  CHECK(missing_match("iptables-restore v1.8.9 (legacy): Couldn't load match `addrtype':No such file") == "addrtype");
  CHECK(missing_match("Another app is currently holding the xtables lock") == "");
  CHECK(rule_without("-A WEAVE -d 10.0.0.0/8 -m comment --comment \"two words\" -j RETURN", "comment") ==
        "-A WEAVE -d 10.0.0.0/8 -j RETURN");
  CHECK(rule_without("-A INPUT -m addrtype ! --src-type LOCAL -j DROP", "addrtype").empty());
  CHECK(rule_without("-A INPUT -j DROP", "addrtype") == "-A INPUT -j DROP");

  // The kernel's modules belong to the machine: iptables-restore refuses as it does without them.
  test::TempDir directory;
  auto write = [&](const std::string& name, const std::string& script) {
    replace_file(directory / name, "#!/bin/sh\n" + script);
    REQUIRE(::chmod((directory / name).c_str(), 0755) == 0);
  };
  write("fw-save", "exec iptables-save \"$@\"\n");
  write(
      "fw-restore",
      "rules=$(cat)\n"
      "for match in comment addrtype; do case $rules in *\"-m $match \"*)\n"
      "  echo \"Warning: Extension $match revision 0 not supported, missing kernel module?\" >&2; exit 4 ;; esac; done\n"
      "echo \"$rules\" | iptables-restore \"$@\"\n");
  NetNs::make().run([&] {
    Firewall firewall(Iptables(directory / "fw"), with_docker());
    firewall.start();
    auto filter = firewall.iptables().save()["filter"];
    CHECK(filter["INPUT"].size() == 5);  // all but the guard of the control port
    CHECK(filter["FORWARD"].size() == 5);
    REQUIRE(firewall.problems().size() == 1);
    CHECK_THAT(firewall.problems()[0], Contains("modprobe xt_addrtype"));
    CHECK(firewall.ensure().tables.empty());
    write("fw-restore", "exec iptables-restore \"$@\"\n");
    firewall.retry_missing();
    CHECK(firewall.ensure().tables == Rules{"filter"});
    CHECK(firewall.problems().empty());
    CHECK(firewall.iptables().save()["filter"]["INPUT"].size() == 6);
  });
}

TEST_CASE("rules that Weave Net left are removed at start") {
  for (const auto& command : backends()) {
    CAPTURE(command);
    NetNs::make().run([&] {
      Iptables iptables(command);
      iptables.restore(
          {{"mangle",
            ":WEAVE-CANARY - [0:0]\n:WEAVE-IPSEC-IN - [0:0]\n:WEAVE-IPSEC-IN-MARK - [0:0]\n"
            "-A INPUT -j WEAVE-IPSEC-IN\n-A WEAVE-IPSEC-IN -s 192.168.77.2/32 -j WEAVE-IPSEC-IN-MARK\n"},
           {"filter",
            ":WEAVE-CANARY - [0:0]\n:WEAVE-IPSEC-IN - [0:0]\n-A INPUT -j WEAVE-IPSEC-IN\n"
            "-A OUTPUT ! -p esp -m policy --dir out --pol none -m mark --mark 0x20000/0x20000 -j DROP\n"}});
      Firewall firewall(iptables, {});
      firewall.start();
      auto saved = iptables.save();
      CHECK(saved["filter"]["OUTPUT"].empty());
      CHECK(saved["filter"]["INPUT"].size() == 1);
      CHECK_FALSE(saved["mangle"].contains("WEAVE-CANARY"));
      CHECK_FALSE(saved["mangle"].contains("WEAVE-IPSEC-IN"));
      CHECK(saved["mangle"]["INPUT"].empty());
    });
  }
}

TEST_CASE("a restart keeps exposed addresses, with and without masquerading") {
  NetNs::make().run([] {
    ensure_bridge({.mac = kPeer, .mtu = 1410});
    CHECK(add_bridge_address(cidr("10.32.0.99/12")));
    CHECK_FALSE(add_bridge_address(cidr("10.32.0.99/12")));
    add_bridge_address(cidr("10.48.0.1/24"));
    Firewall(Iptables(), {.exposures = {{cidr("10.32.0.99/12"), true}, {cidr("10.48.0.1/24"), false}}}).start();
    auto before = Iptables().save();
    Firewall next(Iptables(), {});
    next.start();
    Rules kept;
    for (const auto& exposure : next.config().exposures)
      kept.push_back(exposure.cidr.str() + (exposure.masquerade ? " masqueraded" : ""));
    CHECK(kept == Rules{"10.32.0.99/12 masqueraded", "10.48.0.1/24"});
    CHECK(Iptables().save() == before);
    CHECK(bridge_addresses().size() == 2);
    CHECK(remove_bridge_address(cidr("10.32.0.99/12").address) == std::vector<Cidr>{cidr("10.32.0.99/12")});
    CHECK(remove_bridge_address(cidr("10.32.0.99/12").address).empty());
    CHECK(bridge_addresses() == std::vector<Cidr>{cidr("10.48.0.1/24")});
  });
}

TEST_CASE("traffic to local containers keeps its source when asked") {
  NetNs::make().run([] {
    Firewall firewall(Iptables(), {.exposures = {{cidr("10.32.0.99/12"), true}}});
    firewall.start();
    firewall.set_local_ranges({cidr("10.32.0.0/13")});
    auto rules = Iptables().save()["nat"]["WEAVE"];
    REQUIRE(rules.size() == 4);
    CHECK_THAT(rules.front(), Contains("-d 10.32.0.0/13") && Contains("-j RETURN"));
    CHECK(firewall.ensure().tables.empty());
  });
}

TEST_CASE("the back end is the one that holds Docker's chains") {
  for (const auto& command : backends())
    NetNs::make().run([&] {
      run_checked({command, "-N", "DOCKER"});
      auto chosen = Iptables::of_docker();
      CHECK(chosen.save("filter")["filter"].contains("DOCKER"));
    });
  CHECK(NetNs::make().run([] { return Iptables::of_docker().command(); }) == "iptables");
}

TEST_CASE("an invalid rule is an error with the message of iptables") {
  NetNs::make().run([] {
    CHECK_THROWS_WITH(Iptables().restore({{"filter", "-A NOWHERE -j DROP\n"}}), Contains("restore failed"));
    CHECK_THROWS_WITH(Iptables("no-such-iptables").save(), Contains("not found"));
  });
}

TEST_CASE("spellings of one rule are equal") {
  CHECK(canonical_rule("-A C -p tcp -m tcp --dport 53 -d 1.2.3.4 -m comment --comment \"a b\" -j X") ==
        canonical_rule("-A C -d 1.2.3.4/32 -p tcp -m comment --comment \"a b\" -m tcp --dport 53 -j X"));
  CHECK(canonical_rule("-A C -m conntrack --ctstate RELATED,ESTABLISHED -j X") ==
        canonical_rule("-A C -m conntrack --ctstate ESTABLISHED,RELATED -j X"));
  CHECK(canonical_rule("-A C ! -s 10.0.0.0/8 -j X") != canonical_rule("-A C -s 10.0.0.0/8 -j X"));
  CHECK(canonical_rule("-A C -i a ! -o b -j X") != canonical_rule("-A C ! -i a -o b -j X"));
}

TEST_CASE("a route into the range is found, one through the bridge isn't") {
  NetNs::make().run([] {
    auto range = cidr("10.32.0.0/12");
    Netlink net;
    net.create_veth({.name = "eth0", .peer = "cable"});
    auto index = net.link("eth0").index;
    net.set_up(index);
    CHECK_FALSE(docker_bridge_address("eth0"));
    net.add_address(index, cidr("192.168.0.2/24"));
    net.add_route(cidr("0.0.0.0/0"), index, Ipv4::parse("192.168.0.1").value());
    ensure_bridge({.mac = kPeer});
    add_bridge_address(cidr("10.32.0.1/12"));
    CHECK_FALSE(overlapping_route(range));
    net.add_route(cidr("10.34.0.0/16"), index);
    CHECK(overlapping_route(range)->destination == cidr("10.34.0.0/16"));
    CHECK(overlapping_route(cidr("10.34.7.0/24")));
    CHECK_FALSE(overlapping_route(cidr("10.48.0.0/12")));
    CHECK(docker_bridge_address("eth0")->str() == "192.168.0.2");
    CHECK_FALSE(docker_bridge_address("docker0"));
    CHECK(peer_name()->mac() == kPeer);
  });
}

TEST_CASE("peer names come from system ids") {
  auto names = test::vectors("host/system-peer-name.json"), files = test::vectors("host/host-files.json");
  for (const auto& example : names.at("cases"))
    CHECK(name_of_ids(example.at("input").get<std::string>()).str() == example.at("mac").get<std::string>());
  for (const auto& example : files.at("mac_from_uuid"))
    CHECK(name_of_ids(example.at("bytes").get<std::string>()).str() == example.at("mac").get<std::string>());
}
