// What the words of attach, run, dns-args and logs mean.
#include <catch2/catch.hpp>

#include "addresses.hpp"
#include "dns_args.hpp"
#include "logs.hpp"
#include "output.hpp"
#include "run.hpp"
#include "text.hpp"

using namespace weave;
using namespace weave::cmd;

TEST_CASE("address words are parsed") {
  CHECK(parse_address("net:default")->kind == AddressWord::kDefault);
  CHECK(parse_address("net:10.2.1.0/24")->kind == AddressWord::kSubnet);
  CHECK(parse_address("ip:10.2.1.6/24")->cidr == Cidr::parse("10.2.1.6/24").value());
  CHECK(parse_address("10.2.1.6/24")->kind == AddressWord::kThis);
  CHECK(parse_address("10.2.1.6/24")->text == "10.2.1.6/24");
  CHECK_FALSE(parse_address("c1"));
  CHECK_FALSE(parse_address("1.2.3.4"));
  CHECK_FALSE(parse_address("registry.example/image"));
  CHECK_FALSE(parse_address("1.2.3.4.5/6"));
}

TEST_CASE("an invalid address is refused, not taken for a container") {
  for (auto word : {"999.1.1.1/24", "10.2.1.6/33", "10.2.1.6/", "net:10.2.1.0", "ip:10.2.1.6", "net:foo",
                    "ip:", "net:", "net:10.2.1.6/24"}) {
    INFO(word);
    CHECK_THROWS_AS(parse_address(word), UsageError);
  }
  CHECK_THROWS_WITH(parse_address("net:10.2.1.6/24"),
                    "'net:10.2.1.6/24' is not a subnet: did you mean net:10.2.1.0/24?");
}

TEST_CASE("addresses may stand anywhere, and exactly one container must remain") {
  auto [addresses, container] = addresses_and_container("attach", {"10.2.1.6/24", "c1", "net:default"});
  CHECK(container == "c1");
  REQUIRE(addresses.size() == 2);
  CHECK(addresses[1].text == "net:default");
  CHECK_THROWS_WITH(addresses_and_container("attach", {"10.2.1.6/24"}), "weave attach needs a container.");
  CHECK_THROWS_WITH(addresses_and_container("attach", {"1.2.3.4", "c1"}),
                    "'1.2.3.4' has no prefix length, for example 1.2.3.4/24.");
  CHECK_THROWS_AS(addresses_and_container("attach", {"c1", "c2"}), UsageError);
}

TEST_CASE("addresses are printed without prefix, a blank between") {
  CHECK(address_line(parse_cidrs("10.2.1.6/24 10.40.128.0/12\n")) == "10.2.1.6 10.40.128.0\n");
  CHECK(address_line(parse_cidrs("")).empty());
  CHECK_THROWS_AS(parse_cidrs("cancelled"), Error);
}

TEST_CASE("run takes its options and addresses from the front, docker gets the rest") {
  auto words = split_run_words({"--without-dns", "--no-rewrite-hosts", "--timeout=5", "10.2.1.7/24", "net:default",
                                "--name=c2", "-h", "c2.weave.local", "busybox", "10.9.9.9/24"});
  CHECK(words.without_dns);
  CHECK(words.no_rewrite_hosts);
  CHECK_FALSE(words.no_multicast_route);
  CHECK(words.timeout == 5);
  CHECK(words.addresses.size() == 2);
  CHECK(words.docker == Words{"--name=c2", "-h", "c2.weave.local", "busybox", "10.9.9.9/24"});
  CHECK(split_run_words({"busybox", "--without-dns"}).docker == Words{"busybox", "--without-dns"});
  CHECK(split_run_words({}).docker.empty());
  CHECK_THROWS_AS(split_run_words({"--timeout=x", "busybox"}), UsageError);
}

TEST_CASE("names given to docker run go into the hosts file") {
  CHECK(added_hosts({"--add-host=zz:1.1.1.1", "-e", "A", "--add-host", "y:2.2.2.2", "busybox"}) ==
        Words{"zz:1.1.1.1", "y:2.2.2.2"});
}

TEST_CASE("dns-args equals the transcripts") {
  Words warnings;
  auto args = [&](const Words& words) {
    return joined(dns_arguments("172.17.0.1", "weave.local.", words, warnings), " ");
  };
  CHECK(args({}) == "--dns=172.17.0.1 --dns-search=weave.local.");
  CHECK(args({"--name", "foo"}) == "--dns=172.17.0.1 --hostname=foo.weave.local --dns-search=.");
  CHECK(args({"--name=foo", "--hostname=bar.weave.local"}) == "--dns=172.17.0.1 --dns-search=.");
  CHECK(args({"-h", "x"}) == "--dns=172.17.0.1 --dns-search=.");
  CHECK(args({"--dns-search=example.com"}) == "--dns=172.17.0.1");
  CHECK(args({"--without-dns"}).empty());
  CHECK(args({"--name"}) == "--dns=172.17.0.1 --dns-search=weave.local.");
  CHECK(warnings.empty());
  CHECK(args({"--name=012345678901234567890123456789012345678901234567890123456789aaaa"}) ==
        "--dns=172.17.0.1 --dns-search=weave.local.");
  CHECK(warnings == Words{"Container name too long to be used as hostname"});
}

TEST_CASE("a line of the log belongs to a service or an id that it names") {
  CHECK(log_line_matches("2026-11-24T23:00:00.000 info plugin: ready", "plugin"));
  CHECK(log_line_matches("info service=02195451dca7df4d", "02195451"));
  CHECK_FALSE(log_line_matches("info service=02195451dca7df4d", "95451"));
  CHECK(log_line_matches("info DNS server is ready", "dns"));
  CHECK(log_line_matches("anything", ""));
  CHECK_FALSE(log_line_matches("", "dns"));
}

TEST_CASE("hints become sentences") {
  CHECK(sentence("start it with 'weave launch'") == "Start it with 'weave launch'.");
  CHECK(sentence("Done.") == "Done.");
  CHECK(sentence("").empty());
}

TEST_CASE("text is wrapped at blanks") {
  CHECK(wrapped("aa bb  cc", 5) == Words{"aa bb", "cc"});
  CHECK(wrapped("aaaaaaaa b", 5) == Words{"aaaaaaaa", "b"});
  CHECK(split("a,,b,", ',') == Words{"a", "", "b", ""});
  CHECK(split("", ',').empty());
  CHECK(lines_of("a\nb\n") == Words{"a", "b"});
  CHECK(lines_of("").empty());
}
