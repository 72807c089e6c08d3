#include "control/text.hpp"

#include "golden.hpp"

using namespace weave;
using namespace weave::control;

namespace {
const std::vector<std::string> kClusters{"cluster3/docker1", "cluster3/docker2", "cluster3/docker3",
                                         "cluster3-peer-lost/docker1", "v1.7.2/docker4"};
}

TEST_CASE("status prints what the reference prints, with the plugin in the words of 1.x") {
  for (const auto& name : kClusters) {
    INFO(name);
    CHECK(status(golden_report(name)) == replaced(golden(name + "/status.txt"), "plugin (legacy)", "plugin"));
  }
  for (std::string name : {"ipam-awaiting-consensus/solo", "ipam-observer-priming/solo"}) {
    INFO(name);
    CHECK(status(golden_report(name)) == golden(name + "/status.txt"));
  }
}

TEST_CASE("the sub-status texts have the reference's lines") {
  for (const auto& name : kClusters) {
    INFO(name);
    auto report = golden_report(name);
    CHECK(sorted_lines(status_targets(report)) == sorted_lines(golden(name + "/status-targets.txt")));
    CHECK(sorted_lines(status_peers(report)) == sorted_lines(golden(name + "/status-peers.txt")));
    CHECK(status_dns(report) == golden(name + "/status-dns.txt"));
    CHECK(sorted_lines(status_ipam(report)) == sorted_lines(golden(name + "/status-ipam.txt")));
    auto connections = replaced(golden(name + "/status-connections.txt"), "truemtu", "true mtu");
    if (name.starts_with("v1")) connections = replaced(connections, "\n", " \n");
    CHECK(sorted_lines(status_connections(report)) == sorted_lines(connections));
  }
}

TEST_CASE("lists come in a fixed order, ourselves first") {
  auto report = golden_report("cluster3-peer-lost/docker1");
  report.router.name = *PeerName::parse("e6:b1:90:cd:76:da");
  auto ipam = status_ipam(report);
  CHECK(ipam.find("e6:b1") < ipam.find("12:d2"));
  CHECK(ipam.find("12:d2") < ipam.find("7a:16"));
  std::reverse(report.router.connections.begin(), report.router.connections.end());
  auto connections = status_connections(report);
  CHECK(connections.find("established") < connections.find("192.168.48.53"));
  CHECK(connections.find("192.168.48.53") < connections.find("192.168.48.99"));
}

TEST_CASE("a name registered in capitals is shown without its domain") {
  Report report;
  report.dns.emplace();
  report.dns->domain = "weave.local.";
  auto origin = *PeerName::parse("12:d2:fe:7a:c1:f2");
  report.dns->entries = {{"FOO2.Weave.Local.", origin, "cid1", *Ipv4::parse("10.1.1.3"), 0, 0},
                         {"gone.weave.local.", origin, "cid1", *Ipv4::parse("10.1.1.4"), 1, 1700000000}};
  CHECK(status_dns(report) == "FOO2         10.1.1.3                cid1 12:d2:fe:7a:c1:f2\n");
  CHECK(status(report).find("Entries: 1\n") != std::string::npos);
}

TEST_CASE("a ring without reachable owners is reported") {
  Ipam ipam;
  CHECK(ipam_state(ipam) == "idle");
  ipam.entries = {{*Ipv4::parse("10.32.0.0"), 0, PeerName{1}, "", true, 0},
                  {*Ipv4::parse("10.32.0.1"), 5, PeerName{2}, "", false, 0}};
  CHECK(ipam_state(ipam) == "all IP ranges owned by unreachable peers - use 'rmpeer' if they are dead");
}

TEST_CASE("the version check has a sentence for each state") {
  VersionCheck check;
  CHECK(version_check_text(check) == "version check update disabled");
  check.enabled = true;
  check.new_version = "2.9.0";
  CHECK(version_check_text(check) == "version 2.9.0 available - please upgrade!");
}

TEST_CASE("the plugin has a status text of its own") {
  auto report = golden_report("cluster3/docker1");
  report.plugin->service_id = "abc";
  auto text = status_plugin(report);
  CHECK(text.find("      ServiceID: abc\n     DriverName: weave\n") != std::string::npos);
  report.plugin.reset();
  CHECK(status_plugin(report).empty());
}

TEST_CASE("the status of a failed service is shown below its name") {
  auto report = golden_report("cluster3/docker1");
  report.dns->state = "running";
  report.plugin->state = "restarting (exit 139, 3 s ago)";
  auto text = status(report);
  CHECK(text.find("        Service: plugin\n         Status: restarting (exit 139, 3 s ago)\n") != std::string::npos);
  CHECK(text.find("        Service: dns\n         Domain") != std::string::npos);
}

TEST_CASE("a connection off the fast path ends with the reason") {
  Report report;
  Connection slow{"1.2.3.4:5", true, "established", "sleeve a(b)", {{"mtu", int64_t{1438}}}};
  slow.reason = "no answer on UDP 6784";
  slow.since = parse_rfc3339("2026-11-23T20:36:11Z").value();
  report.router.connections = {slow};
  CHECK(status_connections(report) ==
        "-> 1.2.3.4:5             established sleeve a(b) mtu=1438 (no answer on UDP 6784, since "
        "2026-11-23T20:36:11Z)\n");
}

TEST_CASE("the info of a connection equals that of Weave Net") {
  PeerName peer = *PeerName::parse("7a:16:dd:5b:83:de");
  CHECK(connected_info(true, "sleeve", peer, "docker3") == "encrypted   sleeve 7a:16:dd:5b:83:de(docker3)");
  CHECK(connected_info(false, "fastdp", peer, "docker3") == "unencrypted fastdp 7a:16:dd:5b:83:de(docker3)");
  CHECK(connected_info({}, "", peer, "docker3") == "none   7a:16:dd:5b:83:de(docker3)");
}

TEST_CASE("the info of a target says why it failed and when it is tried again") {
  WallTime time{std::chrono::seconds(1795466171)};
  CHECK(target_info("failed", "no route", time) == "no route, retry: 2026-11-23 20:36:11 +0000 UTC");
  CHECK(target_info("failed", "no route", {}) == "no route, retry: never");
  CHECK(target_info("waiting", "no route", time) == "until: 2026-11-23 20:36:11 +0000 UTC");
  CHECK(target_info("connecting", "", {}).empty());
}

TEST_CASE("status ipam ends with the problems, and the report holds them only if there are any") {
  Report report;
  report.ipam.emplace();
  CHECK(status_ipam(report).empty());
  CHECK_THAT(to_json(report), !Catch::Contains("Problems"));
  report.ipam->problems = {"address 10.32.0.1 is in use twice: detach one"};
  CHECK(status_ipam(report) == "PROBLEM: address 10.32.0.1 is in use twice: detach one\n");
  CHECK(from_json(to_json(report)).ipam->problems == report.ipam->problems);
}
