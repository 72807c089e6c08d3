// The stored settings of the last launch, also those that earlier versions have written.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "settings/settings.hpp"

using namespace weave;
using namespace weave::settings;
using Json = nlohmann::json;

namespace {

// As the version before this library wrote them: the defaults, and other values for all.
constexpr const char* kOldDefaults =
    R"({"bridge":"weave","connection-limit":200,"datapath":"direct","db-prefix":"","default-subnet":"",)"
    R"("discovery":true,"dns":true,"dns-domain":"weave.local.","dns-listen":[],"dns-local-first":false,)"
    R"("dns-optional":false,"dns-timeout-ms":5000,"dns-ttl":1,"docker":true,"docker-api":"",)"
    R"("docker-bridge":"docker0","encrypted":false,"foreground":false,"host":"","http-addr":"127.0.0.1:6784",)"
    R"("ipam-init":"","log-level":"info","masquerade-local":true,"metrics-addr":"","min-protocol":1,"mtu":0,)"
    R"("name":"","nickname":"","password-file":"","peers":[],"plugin":true,)"
    R"("plugin-mesh-socket":"/run/docker/plugins/weavemesh.sock","plugin-socket":"/run/docker/plugins/weave.sock",)"
    R"("port":6783,"range":"10.32.0.0/12","range-given":false,"resolv-conf":"/etc/resolv.conf","restart":true,)"
    R"("resume":false,"service-id":"","state-dir":"/var/lib/weave","status-addr":"127.0.0.1:6782",)"
    R"("trusted-subnets":[]})";
constexpr const char* kOldOthers =
    R"({"bridge":"wv","connection-limit":0,"datapath":"none","db-prefix":"/weavedb/weave",)"
    R"("default-subnet":"10.2.3.0/24","discovery":false,"dns":false,"dns-domain":"example.org.",)"
    R"("dns-listen":["172.17.0.1:53",":5353"],"dns-local-first":true,"dns-optional":true,"dns-timeout-ms":500,)"
    R"("dns-ttl":30,"docker":true,"docker-api":"tcp://127.0.0.1:2375","docker-bridge":"dk0","encrypted":true,)"
    R"("foreground":true,"host":"192.168.48.11","http-addr":"127.0.0.1:7784","ipam-init":"seed=::1,::2",)"
    R"("log-level":"debug","masquerade-local":false,"metrics-addr":"0.0.0.0:6782","min-protocol":2,"mtu":1400,)"
    R"("name":"12:d2:fe:7a:c1:f2","nickname":"docker1","password-file":"/root/password",)"
    R"("peers":["192.168.48.12","host:6000"],"plugin":false,"plugin-mesh-socket":"/run/m.sock","plugin-socket":"",)"
    R"("port":7783,"range":"10.2.0.0/16","range-given":true,"resolv-conf":"/etc/r.conf","restart":false,)"
    R"("resume":false,"service-id":"7f","state-dir":"/var/lib/w","status-addr":"",)"
    R"("trusted-subnets":["10.10.0.0/16","192.168.48.12/32"]})";

Json stored(const Settings& settings) {
  return Json::parse(to_json(settings, false));
}

}  // namespace

TEST_CASE("the stored defaults are those of the version before, but for the endpoint of Docker") {
  auto expected = Json::parse(kOldDefaults);
  expected["rekey-after"] = 4294967296;  // newer
  expected["any-password-file-mode"] = false;
  CHECK(stored(from_json(kOldDefaults)) == stored(Settings()));
  expected["docker-api"] = "unix:///var/run/docker.sock";
  CHECK(stored(Settings()) == expected);
}

TEST_CASE("settings that the version before has stored load with all their values") {
  auto expected = Json::parse(kOldOthers);
  expected["rekey-after"] = 4294967296;
  expected["any-password-file-mode"] = false;
  expected["dns-listen"] = {"172.17.0.1:53", "0.0.0.0:5353"};
  expected["docker-api"] = "127.0.0.1:2375";
  expected["ipam-init"] = "seed=00:00:00:00:00:01,00:00:00:00:00:02";
  CHECK(stored(from_json(kOldOthers)) == expected);
}

TEST_CASE("settings of a later version load, without what is unknown") {
  CHECK(from_json(R"({"port":7000,"from-the-future":true})").port == 7000);
}

TEST_CASE("each mode of IPAM's first division comes back from the stored settings") {
  for (auto mode : {"", "observer", "consensus", "consensus=3", "seed=02:00:00:00:00:01,02:00:00:00:00:02"}) {
    INFO(mode);
    CHECK(stored(from_json(Json{{"ipam-init", mode}}.dump()))["ipam-init"] == mode);
  }
}

TEST_CASE("the password is only in the text with secrets") {
  Settings settings;
  settings.password = Secret(std::string_view("s3cret"));
  CHECK(to_json(settings, true).find("s3cret") != std::string::npos);
  CHECK(to_json(settings, false).find("s3cret") == std::string::npos);
}

TEST_CASE("stored settings that cannot be read are refused with the reason") {
  CHECK_THROWS_AS(from_json("{"), Error);
  CHECK_THROWS_WITH(from_json("[]"), "cannot read the options of the launch: not an object");
  CHECK_THROWS_AS(from_json(R"({"dns":"yes"})"), Error);
  CHECK_THROWS_WITH(from_json(R"({"port":70000})"),
                    "cannot read the options of the launch: --port: 70000 is out of range");
}
