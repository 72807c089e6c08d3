#include "control/report.hpp"

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "golden.hpp"

using namespace weave;
using namespace weave::control;

TEST_CASE("a captured report survives reading and writing, with our additions at the end of objects") {
  for (std::string name : {"cluster3/docker1", "cluster3/docker2", "cluster3/docker3", "cluster3-peer-lost/docker1",
                           "ipam-awaiting-consensus/solo", "ipam-observer-priming/solo", "minimal/solo"}) {
    INFO(name);
    auto theirs = nlohmann::ordered_json::parse(golden(name + "/report.json"));
    auto ours = nlohmann::ordered_json::parse(to_json(golden_report(name)));
    // Undo what we mean to differ in, then the bytes must be the same.
    auto drop = [](auto& object, std::initializer_list<const char*> keys) {
      for (auto key : keys) {
        REQUIRE(object.contains(key));
        object.erase(key);
      }
    };
    drop(ours["Router"], {"ServiceID", "Datapath", "Restored", "Warnings"});
    for (auto& c : ours["Router"]["Connections"]) drop(c, {"Since", "Reason", "LastError", "RetryAt"});
    if (ours.contains("DNS")) drop(ours["DNS"], {"State"});
    if (ours.contains("Plugin")) {
      drop(ours["Plugin"], {"ServiceID", "State", "Since"});
      drop(theirs["Plugin"]["Config"], {"EnableV2", "EnableV2Multicast", "ProcPath"});
    }
    std::function<void(nlohmann::ordered_json&)> null_lists = [&](nlohmann::ordered_json& value) {
      for (auto& [key, child] : value.items()) {
        if (child.is_null() && key != "Paxos" && key != "Attrs" && key != "CaptureStats" && key != "sleeve")
          child = nlohmann::ordered_json::array();
        if (child.is_structured()) null_lists(child);
      }
    };
    null_lists(theirs);
    CHECK(ours.dump(4) == theirs.dump(4));
  }
}

TEST_CASE("JSON is written as Go writes it") {
  Report report;
  report.router.connections.push_back({"1.2.3.4:1", true, "failed", "dial tcp :0->1.2.3.4:1 & <more>"});
  report.router.peers.push_back({PeerName{1}, "b", 13470347234961095101u});
  auto text = to_json(report);
  CHECK(text.starts_with("{\n    \"Ready\": false,\n    \"Version\": \"\""));
  CHECK(text.back() == '}');
  CHECK(text.find(R"(dial tcp :0-\u003e1.2.3.4:1 \u0026 \u003cmore\u003e)") != std::string::npos);
  CHECK(text.find("\"UID\": 13470347234961095101") != std::string::npos);
  CHECK(text.find("\"Targets\": []") != std::string::npos);
  CHECK(text.find("IPAM") == std::string::npos);
}

TEST_CASE("a nickname that isn't UTF-8 doesn't make the report fail") {
  Report report;
  report.router.nickname = "\xff\xfe";
  CHECK_NOTHROW(to_json(report));
}

TEST_CASE("from_json refuses text that isn't a report") {
  CHECK_THROWS_AS(from_json("{"), weave::Error);
  CHECK_THROWS_AS(from_json("{}"), weave::Error);
  CHECK_THROWS_AS(from_json(R"({"Router": {"Peers": 3}})"), weave::Error);
  CHECK_THROWS_AS(from_json(R"({"Router": {"Peers": [3]}})"), weave::Error);
  CHECK_THROWS_AS(from_json(R"({"Router": {"Port": "x"}})"), weave::Error);
  CHECK_THROWS_WITH(from_json(R"({"Router": {}, "IPAM": {"Range": "10.32.0.0"}})"),
                    Catch::Contains("not a report: Range: "));
  CHECK_THROWS_WITH(from_json(R"({"Router": {"Port": 1e300}})"), "not a report: Port is no integer");
  CHECK_THROWS_WITH(from_json(std::string(100000, '[')), "not a report: nested too deeply");
}

TEST_CASE("times are RFC 3339 in UTC") {
  std::chrono::system_clock::time_point time{std::chrono::seconds(1795466171)};
  CHECK(rfc3339(time) == "2026-11-23T20:36:11Z");
  CHECK(rfc3339(time + std::chrono::milliseconds(250)) == "2026-11-23T20:36:11.25Z");
  CHECK(parse_rfc3339("2026-11-23T20:36:11Z") == time);
  CHECK(parse_rfc3339("2026-11-23T20:36:11.25Z") == time + std::chrono::milliseconds(250));
  CHECK(parse_rfc3339("2026-11-23T22:06:11+01:30") == time);
  CHECK(parse_rfc3339("2026-11-23T19:36:11-01:00") == time);
  for (auto bad :
       {"", "2026-11-23", "2026-11-23T20:36:11", "2026-11-23T20:36:11.Z", "2026-11-23T20:36:11.0123456789Z",
        "2026-11-23T20:36:11+1:00", "2026-11-23T20:36:11+01:60", "0001-01-01T00:00:00Z", "2026-11-23T20:36:11Zz"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_rfc3339(bad));
  }
}
