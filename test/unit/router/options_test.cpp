#include "router/options.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace weave;
using namespace weave::router;

namespace {

std::string refusal(const Options& options) {
  try {
    check(options);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("the default options are valid") {
  auto checked = check(Options{});
  CHECK(range_of(checked)->str() == "10.32.0.0/12");
  CHECK(default_subnet_of(checked) == range_of(checked));
  CHECK(checked.dns_domain == "weave.local.");
}

TEST_CASE("invalid values are refused with the option's name") {
  CHECK_THAT(refusal({.name = "notamac"}), Catch::StartsWith("--name: "));
  CHECK_THAT(refusal({.name = "01:00:00:00:00:01"}), Catch::Contains("is not a valid peer name"));
  CHECK_THAT(refusal({.host = "here"}), Catch::StartsWith("--host: "));
  CHECK_THAT(refusal({.port = 65535}), Catch::StartsWith("--port: "));
  CHECK_THAT(refusal({.range = "10.32.0.0"}), Catch::StartsWith("--ipalloc-range: "));
  CHECK_THAT(refusal({.range = "10.32.0.1/12"}), Catch::Contains("bits after network prefix"));
  CHECK_THAT(refusal({.range = "10.32.0.0/31"}), Catch::Contains("smaller than minimum size"));
  CHECK(refusal({.default_subnet = "10.96.0.0/16"}) ==
        "IP address allocation default subnet 10.96.0.0/16 does not overlap with allocation range 10.32.0.0/12");
  CHECK(refusal({.range = "", .default_subnet = "10.96.0.0/16"}) ==
        "--ipalloc-default-subnet specified without --ipalloc-range.");
  CHECK(refusal({.min_protocol = 3}) == "--min-protocol-version must be in range [1,2]");
  CHECK(refusal({.trusted_subnets = {"foo"}}) == "Unable to parse trusted subnets: invalid CIDR address: foo");
  CHECK(refusal({.peers = {"host2"}, .resume = true}) ==
        "You must not specify an initial peer list in conjunction with --resume");
  CHECK_THAT(refusal({.dns_listen = {"1.2.3.4"}}), Catch::Contains("invalid DNS listen address"));
  CHECK_THAT(refusal({.dns_domain = "a..b"}), Catch::StartsWith("--dns-domain: "));
  CHECK_THAT(refusal({.bridge = "much-too-long-for-a-bridge"}), Catch::StartsWith("--weave-bridge: "));
  CHECK_THAT(refusal({.mtu = 100}), Catch::StartsWith("--mtu: "));
  CHECK_THAT(refusal({.http_addr = "nowhere:x"}), Catch::StartsWith("--http-addr: "));
  CHECK_THAT(refusal({.docker = false}), Catch::Contains("the plugin needs Docker"));
  CHECK_THAT(refusal({.log_level = "loud"}), Catch::Contains("unknown log level"));
}

TEST_CASE("the mode of IPAM's first division is parsed or refused with Weave Net's reasons") {
  for (auto good : {"", "observer", "consensus", "consensus=3", "seed=", "seed=02:00:00:00:00:01,02:00:00:00:00:02"})
    CHECK(refusal({.ipam_init = good}).empty());
  CHECK(refusal({.ipam_init = "foo"}) == "Unable to parse --ipalloc-init: unknown mode: foo");
  for (auto bad : {"consensus=", "consensus=x", "seed=02:00:00:00:00:01,", "observer=1"})
    CHECK_THAT(refusal({.ipam_init = bad}), Catch::StartsWith("Unable to parse --ipalloc-init: "));
}

namespace {

struct Any {
  template <class T>
  operator T() const;
};

// The number of fields of an aggregate: how many initializers it takes at most.
template <class T, class... Fields>
constexpr size_t field_count() {
  if constexpr (requires { T{Fields()..., Any()}; })
    return field_count<T, Fields..., Any>();
  else
    return sizeof...(Fields);
}

// Another value of the same type.
nlohmann::json changed(const nlohmann::json& value) {
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number()) return value.get<int>() + 1;
  if (value.is_array()) return {"changed"};
  return value.get<std::string>() + "changed";
}

}  // namespace

TEST_CASE("each field of the options passes the pipe to the router with its value") {
  auto plain = nlohmann::json::parse(to_json(Options{}, true));
  CHECK(plain.size() == field_count<Options>());
  for (const auto& [key, value] : plain.items()) {
    INFO(key);
    auto other = plain;
    other[key] = changed(value);
    auto options = options_from_json(other.dump());
    CHECK_FALSE(options == Options{});
    CHECK(nlohmann::json::parse(to_json(options, true)) == other);
  }
}

TEST_CASE("the password is only in the text with secrets") {
  Options options{.password = "s3cret"};
  CHECK(to_json(options, true).find("s3cret") != std::string::npos);
  CHECK(to_json(options, false).find("s3cret") == std::string::npos);
}

TEST_CASE("options that cannot be parsed are refused") {
  CHECK_THROWS_AS(options_from_json("{"), Error);
}
