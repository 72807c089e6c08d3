#include "launch_options.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/fd.hpp"
#include "unit/temp_dir.hpp"

using namespace weave;
using namespace weave::cmd;
using settings::Settings;

namespace {

constexpr std::array kVariables{"WEAVE_PASSWORD",    "WEAVE_PORT",      "WEAVE_HTTP_ADDR", "WEAVE_STATUS_ADDR",
                                "WEAVE_MTU",         "WEAVE_NO_FASTDP", "WEAVE_NO_PLUGIN", "DOCKER_HOST",
                                "WEAVE_DOCKER_ARGS", "DOCKER_BRIDGE"};

struct Launch {
  settings::Given given;
  Words warnings;

  Launch() { clear(); }
  ~Launch() { clear(); }
  static void clear() {
    for (auto name : kVariables) ::unsetenv(name);
  }
  static void set(const char* name, const char* value) { ::setenv(name, value, 1); }
  Settings operator()(const Words& words, Settings base = {}) {
    Command command{.name = "launch"};
    declare_launch_options(command, given);
    given.words = parse(command, words, warnings).value();
    return launch_settings(given, warnings, std::move(base));
  }
};

std::string all_of(const Settings& settings) {
  return to_json(settings, true);
}

std::string password_of(const Settings& settings) {
  return {settings.password.view().begin(), settings.password.view().end()};
}

}  // namespace

TEST_CASE("launch without words has the default settings") {
  Launch launch;
  CHECK(all_of(launch({})) == all_of(Settings()));
  CHECK(launch.warnings.empty());
}

TEST_CASE("options of each kind reach the settings, wherever they stand") {
  auto settings =
      Launch()({"--port=7783", "192.168.48.12", "--no-discovery", "--dns-listen-address", "172.17.0.1:53",
                "--dns-listen-address", "172.17.0.1:5353", "--plugin=false", "--status-addr=", "192.168.48.13:6000",
                "--trusted-subnets", "10.10.0.0/16,192.168.48.12/32"});
  CHECK(settings.port == 7783);
  CHECK_FALSE(settings.discovery);
  CHECK(settings.dns_listen.size() == 2);
  CHECK_FALSE(settings.plugin);
  CHECK_FALSE(settings.status_addr);
  CHECK(settings.trusted_subnets.size() == 2);
  CHECK(settings.peers == Words{"192.168.48.12", "192.168.48.13:6000"});
}

TEST_CASE("every option of the table is an option of launch") {
  settings::Given given;
  Command command{.name = "launch"};
  declare_launch_options(command, given);
  size_t count = 0;
  for (const auto& row : settings::table()) {
    if (row.names.empty()) continue;
    INFO(row.names);
    ++count;
    Words warnings;
    parse(command, row.value.empty() ? Words{row.name()} : Words{row.name(), "x"}, warnings);
    CHECK(given.options.at(row.name()) == Words{row.value.empty() ? "true" : "x"});
  }
  CHECK(count == command.options.size());
}

TEST_CASE("options override the environment, and that the defaults") {
  Launch launch;
  launch.set("WEAVE_PASSWORD", "of the environment");
  launch.set("WEAVE_PORT", "7000");
  launch.set("WEAVE_MTU", "");
  auto settings = launch({"--port=6783"});
  CHECK(password_of(settings) == "of the environment");
  CHECK(settings.port == 6783);
  CHECK(settings.mtu == 0);
  launch.given = {};
  CHECK(launch({"--password", "mine"}).port == 7000);
  CHECK(password_of(launch({"--password", "mine"})) == "mine");
}

TEST_CASE("a password comes from a file without its newline") {
  test::TempDir directory;
  const auto path = directory / "password";
  write_file(path, "s3cret \n", 0600);
  CHECK(password_of(Launch()({"--password-file", path})) == "s3cret ");
  CHECK(Launch()({"--password-file", path}).encrypted);
  CHECK_THROWS_AS(Launch()({"--password-file", path, "--password", "x"}), UsageError);
  write_file(path, "\n");
  CHECK_THROWS_AS(Launch()({"--password-file", path}), Error);
  // A file that others can read is no secret.
  write_file(path, "s3cret\n");
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  CHECK_THROWS_WITH(Launch()({"--password-file", path}), Catch::Contains("other users can read or write"));
  CHECK(Launch()({"--password-file", path, "--allow-readable-password-file"}).encrypted);
  std::filesystem::remove(path);
  CHECK_THROWS_AS(Launch()({"--password-file", path}), Error);
}

TEST_CASE("a stored launch with a password takes it from its file, or needs it again") {
  test::TempDir directory;
  const auto path = directory / "password";
  write_file(path, "s3cret\n", 0600);
  Settings base;
  base.encrypted = true;
  base.password_file = path;
  CHECK(password_of(Launch()({}, base)) == "s3cret");
  CHECK(password_of(Launch()({"--password", "other"}, base)) == "other");
  CHECK(Launch()({"--password", "other"}, base).password_file.empty());
  CHECK_THROWS_WITH(Launch()({"--password="}, base), "--password is empty");
  base.password_file.clear();
  CHECK_THROWS_WITH(Launch()({}, base), "the last launch had a password, which is not stored");
  CHECK(Launch()({"--password-file", path}, base).password_file == path);
}

TEST_CASE("the command line of the 1.x transcript is accepted with its warnings") {
  Launch launch;
  auto settings = launch({"10.2.0.1/24", "-iprange", "10.3.0.0/16", "-nodiscovery"});
  CHECK(settings.range->str() == "10.3.0.0/16");
  CHECK_FALSE(settings.discovery);
  CHECK(settings.peers.empty());
  CHECK(launch.warnings ==
        Words{"Warning: -iprange is deprecated; please use --ipalloc-range",
              "Warning: -nodiscovery is deprecated; please use --no-discovery",
              "WARNING: 10.2.0.1/24 parameter ignored; 'weave launch' no longer takes a CIDR as the first parameter"});
}

TEST_CASE("--init-peer-count is the old form of consensus") {
  Launch launch;
  CHECK(launch({"-initpeercount", "3"}).ipam_init->expected == 3);
  CHECK(launch.warnings.size() == 2);
  CHECK_THROWS_AS(Launch()({"--init-peer-count=3", "--ipalloc-init=observer"}), UsageError);
}

TEST_CASE("invalid options are refused before anything starts") {
  for (const auto& words : {Words{"--ipalloc-range", "10.32.0.0"}, Words{"--ipalloc-init=foo"}, Words{"--port=70000"},
                            Words{"--name=notamac"}, Words{"--log-level=loud"}, Words{"--trusted-subnets=foo"},
                            Words{"--resume", "10.0.0.1"}, Words{"--dns-fallback-timeout=5x"}, Words{"--expect-npc"},
                            Words{"--awsvpc"}, Words{"--token=abc"}, Words{"--plugin-v2"}}) {
    INFO(words[0]);
    CHECK_THROWS_AS(Launch()(words), Error);
  }
}

TEST_CASE("options without a meaning here are accepted") {
  Launch launch;
  auto settings = launch({"--proxy=false", "--pkt-debug"});
  CHECK(settings.log_level == log::Level::kDebug);
  CHECK(launch.warnings.empty());
  launch.given = {};
  launch({"--bufsz=8", "--no-default-ipalloc", "--rewrite-inspect", "--without-dns", "-H", "unix:///run/weave.sock",
          "--tlsverify", "--tlskey=/k.pem", "--hostname-match=(.*)"});
  CHECK(launch.warnings == Words{"Warning: without effect here: --bufsz, -H, --without-dns, --no-default-ipalloc, "
                                 "--hostname-match, --rewrite-inspect, --tlsverify, --tlskey"});
  launch.warnings.clear();
  launch.set("WEAVE_DOCKER_ARGS", "-e A=B");
  launch.given = {};
  launch({});
  CHECK(launch.warnings.size() == 1);
}

TEST_CASE("help lists the variables, and the options without an effect") {
  Command command{.name = "launch"};
  settings::Given given;
  declare_launch_options(command, given);
  for (const auto& row : settings::table()) {
    INFO(row.names);
    bool ignored = row.show == settings::Show::kIgnored;
    CHECK(command.details.find(row.variable.name) != std::string::npos);
    CHECK((!ignored || command.details.find(row.name()) != std::string::npos));
  }
  CHECK_THAT(command.details, Catch::Contains("Accepted for compatibility, without effect: "));
}
