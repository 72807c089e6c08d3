// The texts of values: what is refused, with which words.
#include <catch2/catch.hpp>

#include "refusals.hpp"
#include "settings/table.hpp"

using namespace weave;
using namespace weave::settings;

namespace {

Settings set(const std::string& option, const std::string& text) {
  Settings settings;
  row_of(option).field.set(settings, option, {text});
  return settings;
}

Refusal refusal(const std::string& option, const std::string& text) {
  return refusal_of([&] { set(option, text); });
}

struct Bad {
  std::string option, text, message, hint;
};

}  // namespace

TEST_CASE("values that cannot be used are refused with their option, the reason and a hint") {
  auto bad = GENERATE(values<Bad>({
      {"--name", "notamac", "--name: invalid peer name format: \"notamac\"",
       "a peer name looks like 12:d2:fe:7a:c1:f2"},
      {"--name", "01:00:00:00:00:01", "--name: 01:00:00:00:00:01 is not a valid peer name",
       "the name becomes the bridge's MAC: not 0, and the first byte even"},
      {"--host", "here", "--host: invalid IP address: here", "give an IPv4 address of this machine"},
      {"--port", "0", "--port: 0 is out of range", "use 1 to 65534; the next port is used, too"},
      {"--port", "65535", "--port: 65535 is out of range", "use 1 to 65534; the next port is used, too"},
      {"--conn-limit", "-1", "--conn-limit: must not be negative", ""},
      {"--rekey-after", "0", "--rekey-after: must be more than 0", ""},
      {"--rekey-after", "many", "--rekey-after: 'many' is not a number.", ""},
      {"--min-protocol-version", "3", "--min-protocol-version must be in range [1,2]", ""},
      {"--trusted-subnets", "foo", "Unable to parse trusted subnets: invalid CIDR address: foo", ""},
      {"--ipalloc-range", "10.32.0.0", "--ipalloc-range: invalid CIDR address: 10.32.0.0", "for example 10.32.0.0/12"},
      {"--ipalloc-range", "10.32.0.1/12",
       "--ipalloc-range: invalid subnet - bits after network prefix are not all zero: 10.32.0.1/12",
       "for example 10.32.0.0/12"},
      {"--ipalloc-range", "10.32.0.0/31", "--ipalloc-range: invalid subnet - smaller than minimum size 4: 10.32.0.0/31",
       "for example 10.32.0.0/12"},
      {"--ipalloc-default-subnet", "x", "--ipalloc-default-subnet: invalid CIDR address: x", ""},
      {"--ipalloc-init", "foo", "Unable to parse --ipalloc-init: unknown mode: foo",
       "use consensus, consensus=<number of peers>, seed=<peer>,<peer>,..., or observer"},
      {"--init-peer-count", "x",
       "Unable to parse --ipalloc-init: bad consensus parameter: \"x\" isn't a number of peers",
       "use consensus, consensus=<number of peers>, seed=<peer>,<peer>,..., or observer"},
      {"--dns-listen-address", "1.2.3.4", "invalid DNS listen address \"1.2.3.4\": missing port", ""},
      {"--dns-domain", "a..b", "--dns-domain: 'a..b' is not a domain", "for example weave.local."},
      {"--dns-domain", "", "--dns-domain: '' is not a domain", "for example weave.local."},
      {"--dns-ttl", "-1", "--dns-ttl: must be 0 or more seconds", ""},
      {"--dns-fallback-timeout", "0s", "--dns-fallback-timeout: must be more than 0", ""},
      {"--weave-bridge", "much-too-long-for-a-bridge",
       "--weave-bridge: 'much-too-long-for-a-bridge' is not a valid interface name",
       "an interface name has 1 to 15 characters, without blanks, slashes and colons"},
      {"--docker-bridge", "", "--docker-bridge: '' is not a valid interface name",
       "an interface name has 1 to 15 characters, without blanks, slashes and colons"},
      {"--mtu", "100", "--mtu: 100 is out of range", "use 552 to 65535 bytes"},
      {"--datapath", "fast", "--datapath: unknown mode 'fast'",
       "use direct, bridge (every frame crosses the bridge, where firewall rules apply) or none (sleeve only)"},
      {"--http-addr", "nowhere:x", "cannot use control address 'nowhere:x': nowhere:x: not a port: x",
       "give a socket path or ip:port with --http-addr or WEAVE_HTTP_ADDR"},
      {"--status-addr", "nowhere:x", "--status-addr: nowhere:x: not a port: x",
       "give ip:port, or the path of a unix socket"},
      {"--metrics-addr", "1.2.3.4", "--metrics-addr: 1.2.3.4: a port is missing",
       "give ip:port, or the path of a unix socket"},
      {"--docker-api", "ssh://here", "--docker-api: ssh://here: not a port: //here",
       "use unix:///path or tcp://ip:port"},
      {"--plugin-socket", "x", "--plugin-socket: must be an absolute path", ""},
      {"--plugin-mesh-socket", "x", "--plugin-mesh-socket: must be an absolute path", ""},
      {"--state-dir", "x", "--state-dir: must be an absolute path", ""},
      {"--state-dir", "", "--state-dir: must be an absolute path", ""},
      {"--log-level", "loud", "unknown log level 'loud'", "use debug, info, warning or error"},
  }));
  INFO(bad.option << " " << bad.text);
  auto refused = refusal(bad.option, bad.text);
  CHECK(refused.message == bad.message);
  CHECK(refused.hint == bad.hint);
}

TEST_CASE("texts of the wrong form are mistakes on the command line") {
  auto bad = GENERATE(values<Bad>({
      {"--port", "x", "--port: 'x' is not a number.", ""},
      {"--mtu", "", "--mtu: '' is not a number.", ""},
      {"--conn-limit", "1k", "--conn-limit: '1k' is not a number.", ""},
      {"--no-dns", "maybe", "--no-dns: 'maybe' is neither true nor false.", ""},
      {"--dns-fallback-timeout", "5x", "--dns-fallback-timeout: '5x' is not a time such as 5s or 500ms.", ""},
      {"--dns-fallback-timeout", "61m", "--dns-fallback-timeout: '61m' is not a time such as 5s or 500ms.", ""},
  }));
  INFO(bad.option << " " << bad.text);
  CHECK_THROWS_AS(set(bad.option, bad.text), UsageError);
  CHECK(refusal(bad.option, bad.text).message == bad.message);
}

TEST_CASE("an empty text is nothing where a setting may be missing") {
  CHECK_FALSE(set("--name", "").name);
  CHECK_FALSE(set("--host", "").host);
  CHECK_FALSE(set("--ipalloc-range", "").range);
  CHECK_FALSE(set("--ipalloc-default-subnet", "").default_subnet);
  CHECK_FALSE(set("--ipalloc-init", "").ipam_init);
  CHECK_FALSE(set("--http-addr", "").http_addr);
  CHECK_FALSE(set("--docker-api", "").docker);
  CHECK(set("--dns-listen-address", "").dns_listen.empty());
}

TEST_CASE("a time has a unit or is in seconds") {
  CHECK(set("--dns-fallback-timeout", "5s").dns_timeout == std::chrono::seconds(5));
  CHECK(set("--dns-fallback-timeout", "500ms").dns_timeout == std::chrono::milliseconds(500));
  CHECK(set("--dns-fallback-timeout", "2m").dns_timeout == std::chrono::minutes(2));
  CHECK(set("--dns-fallback-timeout", "7").dns_timeout == std::chrono::seconds(7));
}

TEST_CASE("the mode of IPAM's first division is understood or refused in Weave Net's words") {
  for (auto good : {"observer", "consensus", "consensus=3", "seed=", "seed=02:00:00:00:00:01,02:00:00:00:00:02"})
    CHECK(refusal("--ipalloc-init", good).message.empty());
  for (auto bad : {"consensus=", "consensus=x", "seed=02:00:00:00:00:01,", "observer=1"})
    CHECK_THAT(refusal("--ipalloc-init", bad).message, Catch::StartsWith("Unable to parse --ipalloc-init: "));
}

TEST_CASE("options that say in other words what another option says") {
  CHECK(set("--no-fastdp", "true").datapath == DatapathMode::kNone);
  CHECK(set("--no-fastdp", "false").datapath == DatapathMode::kDirect);
  CHECK(set("--pkt-debug", "true").log_level == log::Level::kDebug);
  CHECK(set("--init-peer-count", "3").ipam_init->expected == 3);
  CHECK(set("--ipalloc-range", "10.2.0.0/16").range_given);
  CHECK(set("--password", "s3cret").encrypted);
  CHECK(refusal("--password", "").message == "--password is empty");
  CHECK(set("--docker-api", "unix:///run/d.sock").docker);
}
