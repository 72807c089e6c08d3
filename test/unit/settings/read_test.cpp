// From the command line and the environment to the settings.
#include "settings/read.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "refusals.hpp"

using namespace weave;
using namespace weave::settings;
using Json = nlohmann::json;

namespace {

using Options = std::map<std::string, std::string>;

struct CommandLine {
  std::map<std::string, std::string> variables;
  std::vector<std::string> words, warnings;

  Settings operator()(const Options& options, Settings base = {}) {
    Given given{.options = {}, .words = words};
    for (const auto& [name, text] : options) given.options[name] = {text};
    auto environment = [&](const std::string& name) -> std::optional<std::string> {
      auto found = variables.find(name);
      return found == variables.end() || found->second.empty() ? std::nullopt : std::optional(found->second);
    };
    return read(given, environment, std::move(base), warnings);
  }
};

Refusal refusal(const Options& options, const std::vector<std::string>& words = {}) {
  return refusal_of([&] { CommandLine{.variables = {}, .words = words, .warnings = {}}(options); });
}

std::string all_of(const Settings& settings) {
  return to_json(settings, true);
}

// A value that the variable of an option can have.
const std::map<std::string, std::string> kVariables{
    {"WEAVE_PASSWORD", "of the environment"},
    {"WEAVE_PORT", "7000"},
    {"WEAVE_NO_PLUGIN", "anything"},
    {"DOCKER_HOST", "unix:///run/other.sock"},
    {"WEAVE_MTU", "1300"},
    {"WEAVE_NO_FASTDP", "anything"},
    {"DOCKER_BRIDGE", "br7"},
    {"WEAVE_HTTP_ADDR", "10.0.0.1"},
    {"WEAVE_STATUS_ADDR", "127.0.0.1:7002"},
    {"WEAVE_DEBUG", "1"},
};

}  // namespace

TEST_CASE("a launch without options has the defaults") {
  CommandLine line;
  CHECK(all_of(line({})) == all_of(Settings()));
  CHECK(line.warnings.empty());
}

TEST_CASE("each variable of the table takes effect, unless it is empty or its option is given") {
  std::map<std::string, std::string> given{{"--password", "mine"},      {"--port", "6783"},
                                           {"--plugin", "true"},        {"--mtu", "0"},
                                           {"--no-fastdp", "0"},        {"--docker-bridge", "docker0"},
                                           {"--http-addr", ":6784"},    {"--status-addr", ""},
                                           {"--docker-api", "/d.sock"}, {"--log-level", "info"}};
  size_t count = 0;
  for (const auto& row : table()) {
    if (row.variable.name.empty()) continue;
    INFO(row.variable.name);
    ++count;
    CommandLine line;
    line.variables = {{row.variable.name, kVariables.at(row.variable.name)}};
    CHECK(all_of(line({})) != all_of(Settings()));
    auto with_variable = all_of(line({{row.name(), given.at(row.name())}}));
    line.variables = {{row.variable.name, ""}};
    CHECK(all_of(line({})) == all_of(Settings()));
    CHECK(with_variable == all_of(line({{row.name(), given.at(row.name())}})));
  }
  CHECK(count == kVariables.size());
}

TEST_CASE("the values of the environment are those of the options") {
  CommandLine line;
  line.variables = kVariables;
  auto settings = line({});
  CHECK(settings.password.view().size() == 18);
  CHECK(settings.encrypted);
  CHECK(settings.port == 7000);
  CHECK_FALSE(settings.plugin);
  CHECK(settings.docker_api.path == "/run/other.sock");
  CHECK(settings.mtu == 1300);
  CHECK(settings.datapath == DatapathMode::kNone);
  CHECK(settings.docker_bridge == "br7");
  CHECK(settings.http_addr->str() == "10.0.0.1:6784");
  CHECK(settings.status_addr->str() == "127.0.0.1:7002");
}

TEST_CASE("a refusal of a value from the environment names the variable") {
  CommandLine line;
  line.variables = {{"WEAVE_PORT", "x"}};
  CHECK_THROWS_WITH(line({}), "WEAVE_PORT: 'x' is not a number.");
  CHECK_THROWS_AS(line({}), UsageError);
  line.variables = {{"WEAVE_MTU", "100"}};
  CHECK_THROWS_WITH(line({}), "WEAVE_MTU: 100 is out of range");
  line.variables = {{"DOCKER_HOST", "ssh://here"}};
  CHECK_THAT(refusal_of([&] { line({}); }).message, Catch::StartsWith("DOCKER_HOST: "));
}

TEST_CASE("--datapath overrides WEAVE_NO_FASTDP") {
  CommandLine line;
  line.variables = {{"WEAVE_NO_FASTDP", "1"}};
  CHECK(line({{"--datapath", "bridge"}}).datapath == DatapathMode::kBridge);
}

TEST_CASE("options that cannot be given together") {
  CHECK(refusal({{"--password", "x"}, {"--password-file", "/x"}}).message ==
        "--password and --password-file cannot be given together.");
  CHECK(refusal({{"--no-fastdp", "true"}, {"--datapath", "none"}}).message ==
        "--no-fastdp and --datapath cannot be given together.");
  CHECK(refusal({{"--init-peer-count", "3"}, {"--ipalloc-init", "observer"}}).message ==
        "--init-peer-count and --ipalloc-init cannot be given together.");
}

TEST_CASE("settings that exclude each other") {
  CHECK(refusal({{"--ipalloc-range", ""}, {"--ipalloc-default-subnet", "10.96.0.0/16"}}).message ==
        "--ipalloc-default-subnet specified without --ipalloc-range.");
  CHECK(refusal({{"--ipalloc-range", ""}, {"--ipalloc-init", "consensus"}}).message ==
        "--ipalloc-init specified without --ipalloc-range.");
  CHECK(refusal({{"--ipalloc-default-subnet", "10.96.0.0/16"}}).message ==
        "IP address allocation default subnet 10.96.0.0/16 does not overlap with allocation range 10.32.0.0/12");
  CHECK(refusal({{"--resume", "true"}}, {"host2"}).message ==
        "You must not specify an initial peer list in conjunction with --resume");
  auto refused = refusal({{"--docker-api", ""}, {"--plugin", "true"}});
  CHECK(refused.message == "the plugin needs Docker");
  CHECK(refused.hint == "leave --docker-api out, or use --plugin=false");
}

TEST_CASE("without Docker there is no plugin") {
  auto settings = CommandLine()({{"--docker-api", ""}});
  CHECK_FALSE(settings.docker);
  CHECK_FALSE(settings.plugin);
}

TEST_CASE("the subnet of requests that name none") {
  CHECK(Settings().subnet()->str() == "10.32.0.0/12");
  CHECK(CommandLine()({{"--ipalloc-default-subnet", "10.32.7.0/24"}}).subnet()->str() == "10.32.7.0/24");
  CHECK_FALSE(CommandLine()({{"--ipalloc-range", ""}}).subnet());
}

TEST_CASE("the words are the peers, without a CIDR in the first place") {
  CommandLine line;
  line.words = {"10.2.0.1/24", "host2", "192.168.48.13:6000"};
  CHECK(line({}).peers == std::vector<std::string>{"host2", "192.168.48.13:6000"});
  CHECK(line.warnings ==
        std::vector<std::string>{
            "WARNING: 10.2.0.1/24 parameter ignored; 'weave launch' no longer takes a CIDR as the first parameter"});
  CHECK(refusal({}, {""}).message == "invalid peer name \"\", should be host[:port]");
  auto refused = refusal({}, {"host2", "host_2,"});
  CHECK(refused.message == "invalid peer name \"host_2,\", should be host[:port]");
}

TEST_CASE("a word that is no peer is refused with what to write instead") {
  CHECK(refusal({}, {"host2,host3"}).hint == "separate peers by spaces");
  CHECK(refusal({}, {"host2:67830"}).hint == "a port is a number from 1 to 65535");
  CHECK(refusal({}, {"http://host2"}).hint ==
        "give only the host's name or address, and a port if it isn't 6783: host2, 192.168.1.2 or host2:7000");
  CHECK(refusal({}, {"host 2"}).hint ==
        "a peer is a host's name or address; options may be given before and after the peers");
}

TEST_CASE("a deprecated option works, with a warning") {
  CommandLine line;
  CHECK(line({{"--init-peer-count", "3"}}).ipam_init->expected == 3);
  CHECK(line.warnings ==
        std::vector<std::string>{"Warning: --init-peer-count is deprecated; please use --ipalloc-init consensus=<n>"});
}

TEST_CASE("options without an effect are accepted with any value") {
  for (const auto& row : table())
    if (row.show == Show::kIgnored) {
      INFO(row.name());
      CommandLine line;
      CHECK(all_of(line({{row.name(), "anything"}})) == all_of(Settings()));
    }
}

TEST_CASE("settings of the last launch hold where nothing else is given, but for those of the launch itself") {
  Settings base;
  base.port = 7000;
  base.dns = false;
  base.discovery = false;
  base.trusted_subnets = {Cidr::parse("10.0.0.0/8").value()};
  base.docker = base.plugin = false;
  base.peers = {"host2"};
  base.foreground = true;
  base.service_id = "of the last launch";
  CommandLine line;
  line.variables = {{"WEAVE_MTU", "1300"}};
  auto settings = line({{"--resume", "true"}, {"--nickname", "other"}, {"--no-dns", "false"}}, base);
  CHECK(settings.port == 7000);
  CHECK(settings.dns);
  CHECK_FALSE(settings.discovery);
  CHECK(settings.trusted_subnets == base.trusted_subnets);
  CHECK_FALSE(settings.docker);
  CHECK_FALSE(settings.plugin);
  CHECK(settings.mtu == 1300);
  CHECK(settings.nickname == "other");
  CHECK(settings.resume);
  CHECK(settings.peers.empty());
  CHECK_FALSE(settings.foreground);
  CHECK(settings.service_id.empty());
}

TEST_CASE("one option alone: what is given, else the variable, else what was there") {
  Settings settings;
  auto environment = [](const std::string& name) { return std::optional("of " + name); };
  auto none = [](const std::string&) { return std::optional<std::string>(); };
  read_one("--docker-bridge", {.options = {{"--docker-bridge", {"mine"}}}, .words = {}}, environment, settings);
  CHECK(settings.docker_bridge == "mine");
  read_one("--docker-bridge", {}, none, settings);
  CHECK(settings.docker_bridge == "mine");
  read_one(
      "--docker-bridge", {}, [](const std::string&) { return std::optional<std::string>("br7"); }, settings);
  CHECK(settings.docker_bridge == "br7");
  CHECK(settings.port == Settings().port);
}
