// Every row of the table: what it takes reaches the settings and comes back from the stored form.
#include "settings/table.hpp"

#include <boost/pfr/tuple_size.hpp>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

using namespace weave;
using namespace weave::settings;
using Json = nlohmann::json;

namespace {

// A value other than the default: as it is given, and as it is stored. Without texts: a row that is no option.
struct Example {
  std::string key;
  std::vector<std::string> texts;
  std::string stored;
};

const std::vector<Example>& examples() {
  static const std::vector<Example> all{
      {"password", {"s3cret"}, R"("s3cret")"},
      {"password-file", {"/root/password"}, R"("/root/password")"},
      {"any-password-file-mode", {"true"}, "true"},
      {"encrypted", {}, "true"},
      {"trusted-subnets",
       {"10.10.7.1/16,192.168.48.12/32", "10.0.0.0/8"},
       R"(["10.10.0.0/16","192.168.48.12/32","10.0.0.0/8"])"},
      {"rekey-after", {"8589934592"}, "8589934592"},
      {"host", {"192.168.48.11"}, R"("192.168.48.11")"},
      {"port", {"7783"}, "7783"},
      {"name", {"12:d2:FE:7a:c1:f2"}, R"("12:d2:fe:7a:c1:f2")"},
      {"nickname", {"docker1"}, R"("docker1")"},
      {"peers", {}, R"(["host2","192.168.48.13:6000"])"},
      {"resume", {"true"}, "true"},
      {"discovery", {"true"}, "false"},
      {"connection-limit", {"0"}, "0"},
      {"min-protocol", {"2"}, "2"},
      {"range", {"10.2.0.0/16"}, R"("10.2.0.0/16")"},
      {"range-given", {}, "true"},
      {"default-subnet", {"10.32.3.0/24"}, R"("10.32.3.0/24")"},
      {"ipam-init", {"consensus=3"}, R"("consensus=3")"},
      {"dns", {"true"}, "false"},
      {"dns-optional", {"true"}, "true"},
      {"dns-listen", {"172.17.0.1:53,:5353", "[::1]:53"}, R"(["172.17.0.1:53","0.0.0.0:5353","[::1]:53"])"},
      {"dns-domain", {"Example.org"}, R"("example.org.")"},
      {"dns-ttl", {"30"}, "30"},
      {"dns-local-first", {"true"}, "true"},
      {"dns-timeout-ms", {"500ms"}, "500"},
      {"resolv-conf", {"/etc/r.conf"}, R"("/etc/r.conf")"},
      {"plugin", {"false"}, "false"},
      {"plugin-socket", {"/run/p.sock"}, R"("/run/p.sock")"},
      {"plugin-mesh-socket", {""}, R"("")"},
      {"docker-api", {"tcp://127.0.0.1:2375"}, R"("127.0.0.1:2375")"},
      {"docker", {}, "false"},
      {"mtu", {"1400"}, "1400"},
      {"datapath", {"bridge"}, R"("bridge")"},
      {"masquerade-local", {"true"}, "false"},
      {"bridge", {"wv"}, R"("wv")"},
      {"docker-bridge", {"dk0"}, R"("dk0")"},
      {"http-addr", {":7784"}, R"("127.0.0.1:7784")"},
      {"status-addr", {""}, R"("")"},
      {"metrics-addr", {"/run/m.sock"}, R"("unix:///run/m.sock")"},
      {"state-dir", {"/var/lib/w"}, R"("/var/lib/w")"},
      {"db-prefix", {"/weavedb/weave"}, R"("/weavedb/weave")"},
      {"log-level", {"warning"}, R"("warning")"},
      {"restart", {"true"}, "false"},
      {"foreground", {"true"}, "true"},
      {"service-id", {}, R"("7f")"},
  };
  return all;
}

Json stored(const Settings& settings) {
  return Json::parse(to_json(settings, true));
}

const Row& row_with(const std::string& key) {
  for (const auto& row : table())
    if (row.field.key == key) return row;
  throw std::logic_error("no row " + key);
}

}  // namespace

TEST_CASE("each field of the settings has a row, and each row an example") {
  std::set<std::string> keys, with_example;
  for (const auto& row : table())
    if (!row.field.key.empty()) CHECK(keys.insert(row.field.key).second);
  CHECK(keys.size() == boost::pfr::tuple_size_v<Settings>);
  for (const auto& example : examples()) with_example.insert(example.key);
  CHECK(with_example == keys);
}

TEST_CASE("a row is an option with a name of its own, or a stored setting, or the peers") {
  std::set<std::string> names;
  for (const auto& row : table()) {
    INFO(row.names << " " << row.field.key);
    CHECK((!row.names.empty() || !row.field.key.empty()));
    if (!row.names.empty()) CHECK(names.insert(row.name()).second);
    CHECK((row.show != Show::kListed || row.names.empty() || !row.help.empty()));
    CHECK((row.field.set != nullptr) == (row.show != Show::kIgnored));
    CHECK((row.excludes.empty() || row_of(row.excludes).name() == row.excludes));
    CHECK((row.variable.name.empty() || row.show == Show::kListed));
  }
  for (const auto& row : table())
    for (const auto& old : row.old_names) CHECK_FALSE(names.contains(old));
}

TEST_CASE("what an option takes reaches the settings, and is stored") {
  for (const auto& example : examples()) {
    if (example.texts.empty()) continue;
    INFO(example.key);
    const auto& row = row_with(example.key);
    Settings settings;
    row.field.set(settings, row.name(), example.texts);
    CHECK(row.field.store(settings) == Json::parse(example.stored));
    CHECK(row.field.store(settings) != row.field.store(Settings()));
  }
}

TEST_CASE("each stored setting comes back, alone") {
  auto plain = stored(Settings());
  CHECK(plain.size() == examples().size());
  for (const auto& example : examples()) {
    INFO(example.key);
    auto changed = plain;
    changed[example.key] = Json::parse(example.stored);
    CHECK(changed != plain);
    CHECK(stored(from_json(changed.dump())) == changed);
    // What is missing has its default.
    CHECK(stored(from_json(Json{{example.key, Json::parse(example.stored)}}.dump())) == changed);
  }
}

TEST_CASE("the choices of an option are what it takes") {
  for (const auto& row : table())
    for (const auto& choice : row.choices) {
      INFO(row.name() << " " << choice);
      Settings settings;
      CHECK_NOTHROW(row.field.set(settings, row.name(), {choice}));
      CHECK(row.field.store(settings) == choice);
    }
  CHECK(row_of("--datapath").choices.size() == 3);
  CHECK(row_of("--log-level").choices.size() == 4);
}
