#include "launch_options.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/fd.hpp"
#include "unit/temp_dir.hpp"

using namespace weave;
using namespace weave::cmd;

namespace {

constexpr std::array kVariables{"WEAVE_PASSWORD",    "WEAVE_PORT",      "WEAVE_HTTP_ADDR", "WEAVE_STATUS_ADDR",
                                "WEAVE_MTU",         "WEAVE_NO_FASTDP", "WEAVE_NO_PLUGIN", "DOCKER_HOST",
                                "WEAVE_DOCKER_ARGS", "DOCKER_BRIDGE"};

struct Launch {
  LaunchGiven given;
  Words warnings;

  Launch() { clear(); }
  ~Launch() { clear(); }
  static void clear() {
    for (auto name : kVariables) ::unsetenv(name);
  }
  static void set(const char* name, const char* value) { ::setenv(name, value, 1); }
  router::Options operator()(const Words& words, router::Options base = {}) {
    Command command{.name = "launch"};
    declare_launch_options(command, given);
    auto peers = parse(command, words, warnings).value();
    return launch_options(given, peers, warnings, std::move(base));
  }
};

}  // namespace

TEST_CASE("launch without options gives the router's defaults") {
  Launch launch;
  CHECK(launch({}) == router::check({}));
  CHECK(launch.warnings.empty());
}

TEST_CASE("each launch option sets its field") {
  auto options = Launch()({"--password",
                           "pw",
                           "--trusted-subnets",
                           "10.10.0.0/16,192.168.48.12/32",
                           "--host=192.168.48.11",
                           "--port=7783",
                           "--name",
                           "12:d2:fe:7a:c1:f2",
                           "--nickname",
                           "docker1",
                           "--no-discovery",
                           "--conn-limit=0",
                           "--min-protocol-version=2",
                           "--ipalloc-range",
                           "10.2.0.0/16",
                           "--ipalloc-default-subnet",
                           "10.2.3.0/24",
                           "--ipalloc-init",
                           "consensus=3",
                           "--dns-optional",
                           "--dns-local-first",
                           "--dns-listen-address",
                           "172.17.0.1:53",
                           "--dns-listen-address",
                           "172.17.0.1:5353",
                           "--dns-domain",
                           "example.org",
                           "--dns-ttl=30",
                           "--dns-fallback-timeout",
                           "500ms",
                           "--resolv-conf",
                           "/etc/r.conf",
                           "--plugin=false",
                           "--plugin-socket=",
                           "--plugin-mesh-socket",
                           "/run/m.sock",
                           "--docker-api",
                           "tcp://127.0.0.1:2375",
                           "--mtu",
                           "1400",
                           "--no-fastdp",
                           "--no-masq-local",
                           "--weave-bridge",
                           "wv",
                           "--docker-bridge",
                           "dk0",
                           "--http-addr",
                           ":7784",
                           "--status-addr=",
                           "--metrics-addr",
                           "0.0.0.0:6782",
                           "--state-dir",
                           "/var/lib/w",
                           "--log-level",
                           "debug",
                           "--no-restart",
                           "--foreground",
                           "192.168.48.12",
                           "192.168.48.13:6000"});
  router::Options expected;
  expected.password = "pw";
  expected.encrypted = true;
  expected.trusted_subnets = {"10.10.0.0/16", "192.168.48.12/32"};
  expected.host = "192.168.48.11";
  expected.port = 7783;
  expected.name = "12:d2:fe:7a:c1:f2";
  expected.nickname = "docker1";
  expected.discovery = false;
  expected.connection_limit = 0;
  expected.min_protocol = 2;
  expected.range = "10.2.0.0/16";
  expected.range_given = true;
  expected.default_subnet = "10.2.3.0/24";
  expected.ipam_init = "consensus=3";
  expected.dns_optional = true;
  expected.dns_local_first = true;
  expected.dns_listen = {"172.17.0.1:53", "172.17.0.1:5353"};
  expected.dns_domain = "example.org.";
  expected.dns_ttl = 30;
  expected.dns_timeout_ms = 500;
  expected.resolv_conf = "/etc/r.conf";
  expected.plugin = false;
  expected.plugin_socket = "";
  expected.plugin_mesh_socket = "/run/m.sock";
  expected.docker_api = "tcp://127.0.0.1:2375";
  expected.mtu = 1400;
  expected.datapath = "none";
  expected.masquerade_local = false;
  expected.bridge = "wv";
  expected.docker_bridge = "dk0";
  expected.http_addr = "127.0.0.1:7784";
  expected.status_addr = "";
  expected.metrics_addr = "0.0.0.0:6782";
  expected.state_dir = "/var/lib/w";
  expected.log_level = "debug";
  expected.restart = false;
  expected.foreground = true;
  expected.peers = {"192.168.48.12", "192.168.48.13:6000"};
  CHECK(options == expected);
}

TEST_CASE("no IPAM, no DNS, no Docker") {
  auto options = Launch()({"--ipalloc-range", "", "--no-dns", "--docker-api="});
  CHECK(options.range.empty());
  CHECK_FALSE(options.dns);
  CHECK_FALSE(options.docker);
  CHECK_FALSE(options.plugin);
  CHECK_THROWS_AS(Launch()({"--docker-api=", "--plugin"}), Error);
}

TEST_CASE("options override the environment, and the environment overrides defaults") {
  Launch launch;
  launch.set("WEAVE_PASSWORD", "of the environment");
  launch.set("WEAVE_PORT", "7000");
  launch.set("WEAVE_MTU", "1300");
  launch.set("WEAVE_HTTP_ADDR", "10.0.0.1");
  launch.set("WEAVE_STATUS_ADDR", "127.0.0.1:7002");
  launch.set("WEAVE_NO_FASTDP", "1");
  launch.set("WEAVE_NO_PLUGIN", "1");
  launch.set("DOCKER_HOST", "unix:///run/other.sock");
  launch.set("DOCKER_BRIDGE", "br7");
  auto options = launch({"--mtu", "1400"});
  CHECK(options.password == "of the environment");
  CHECK(options.port == 7000);
  CHECK(options.mtu == 1400);
  CHECK(options.http_addr == "10.0.0.1:6784");
  CHECK(options.status_addr == "127.0.0.1:7002");
  CHECK(options.datapath == "none");
  CHECK_FALSE(options.plugin);
  CHECK(options.docker_api == "unix:///run/other.sock");
  CHECK(options.docker_bridge == "br7");

  launch.given = {};
  options = launch(
      {"--password", "mine", "--port=6783", "--plugin", "--docker-api", "unix:///run/mine.sock", "--http-addr="});
  CHECK(options.password == "mine");
  CHECK(options.port == 6783);
  CHECK(options.plugin);
  CHECK(options.docker_api == "unix:///run/mine.sock");
  CHECK(options.http_addr.empty());

  launch.set("WEAVE_PORT", "x");
  launch.given = {};
  CHECK_THROWS_WITH(launch({}), "WEAVE_PORT: 'x' is not a number.");
}

TEST_CASE("a password comes from a file without its newline") {
  test::TempDir directory;
  const auto path = directory / "password";
  write_file(path, "s3cret \n", 0600);
  CHECK(Launch()({"--password-file", path}).password == "s3cret ");
  CHECK_THROWS_AS(Launch()({"--password-file", path, "--password", "x"}), UsageError);
  write_file(path, "\n");
  CHECK_THROWS_AS(Launch()({"--password-file", path}), Error);
  std::filesystem::remove(path);
  CHECK_THROWS_AS(Launch()({"--password-file", path}), Error);
}

TEST_CASE("settings of the last launch are used where no option is given") {
  router::Options base;
  base.port = 7000;
  base.dns = false;
  base.discovery = false;
  base.trusted_subnets = {"10.0.0.0/8"};
  base.docker = base.plugin = false;
  base.restart = false;
  base.service_id = "of the last launch";
  auto options = Launch()({"--nickname", "other"}, base);
  CHECK(options.port == 7000);
  CHECK_FALSE(options.dns);
  CHECK_FALSE(options.discovery);
  CHECK(options.trusted_subnets == Words{"10.0.0.0/8"});
  CHECK_FALSE(options.docker);
  CHECK_FALSE(options.plugin);
  CHECK_FALSE(options.restart);
  CHECK(options.nickname == "other");
  CHECK(options.service_id.empty());
}

TEST_CASE("a stored launch with a password takes it from its file, or needs it again") {
  test::TempDir directory;
  const auto path = directory / "password";
  write_file(path, "s3cret\n", 0600);
  router::Options base;
  base.encrypted = true;
  base.password_file = path;
  CHECK(Launch()({}, base).password == "s3cret");
  CHECK(Launch()({"--password", "other"}, base).password == "other");
  base.password_file.clear();
  CHECK_THROWS_WITH(Launch()({}, base), "the last launch had a password, which is not stored");
  CHECK(Launch()({"--password-file", path}, base).password_file == path);
}

TEST_CASE("the command line of the 1.x transcript is accepted with its warnings") {
  Launch launch;
  auto options = launch({"10.2.0.1/24", "-iprange", "10.3.0.0/16", "-nodiscovery"});
  CHECK(options.range == "10.3.0.0/16");
  CHECK_FALSE(options.discovery);
  CHECK(options.peers.empty());
  CHECK(launch.warnings ==
        Words{"Warning: -iprange is deprecated; please use --ipalloc-range",
              "Warning: -nodiscovery is deprecated; please use --no-discovery",
              "WARNING: 10.2.0.1/24 parameter ignored; 'weave launch' no longer takes a CIDR as the first parameter"});
}

TEST_CASE("--init-peer-count is the old form of consensus") {
  Launch launch;
  CHECK(launch({"-initpeercount", "3"}).ipam_init == "consensus=3");
  CHECK(launch.warnings.size() == 2);
  CHECK_THROWS_AS(Launch()({"--init-peer-count=3", "--ipalloc-init=observer"}), UsageError);
}

TEST_CASE("invalid options are refused before anything starts") {
  for (const auto& words : {Words{"--ipalloc-range", "10.32.0.0"}, Words{"--ipalloc-init=foo"}, Words{"--port=70000"},
                            Words{"--name=notamac"}, Words{"--log-level=loud"}, Words{"--trusted-subnets=foo"},
                            Words{"--resume", "10.0.0.1"}, Words{"--dns-fallback-timeout=5x"}, Words{"--proxy"},
                            Words{"--awsvpc"}, Words{"--token=abc"}, Words{"--tlsverify"}, Words{"--plugin-v2"}}) {
    INFO(words[0]);
    CHECK_THROWS_AS(Launch()(words), Error);
  }
}

TEST_CASE("options without a meaning here are accepted") {
  Launch launch;
  auto options = launch({"--proxy=false", "--bufsz=8", "--no-detect-tls", "--expect-npc", "--pkt-debug"});
  CHECK(options.log_level == "debug");
  CHECK(launch.warnings.empty());
  launch.set("WEAVE_DOCKER_ARGS", "-e A=B");
  launch.given = {};
  launch({});
  CHECK(launch.warnings.size() == 1);
}
