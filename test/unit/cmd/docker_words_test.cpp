#include "docker_words.hpp"

#include <catch2/catch.hpp>

#include "dns_args.hpp"
#include "run.hpp"

using namespace weave;
using namespace weave::cmd;

TEST_CASE("options of docker run end at the image") {
  CHECK(docker_options({"--name", "etcd", "quay.io/etcd", "etcd", "--name", "node1"}) == Words{"--name", "etcd"});
  CHECK(docker_options({"-dit", "--rm", "-p", "80:80", "-dp", "81:81", "-e=A=B", "busybox", "-h"}) ==
        Words{"-dit", "--rm", "-p", "80:80", "-dp", "81:81", "-e=A=B"});
  CHECK(docker_options({"--sig-proxy=false", "--network", "host", "busybox"}) ==
        Words{"--sig-proxy=false", "--network", "host"});
  CHECK(docker_options({"-d", "--", "busybox", "--name", "x"}) == Words{"-d"});
  CHECK(docker_options({"--name"}) == Words{"--name"});
  CHECK(docker_options({}).empty());
}

TEST_CASE("arguments of the container are not read as docker's") {
  Words warnings;
  auto arguments =
      dns_arguments("172.17.0.1", "weave.local.", {"--name", "etcd", "IMAGE", "cmd", "--name", "node1"}, warnings);
  CHECK(std::find(arguments.begin(), arguments.end(), "--hostname=etcd.weave.local") != arguments.end());
  CHECK(added_hosts({"--add-host", "a:192.0.2.1", "IMAGE", "--add-host", "b:192.0.2.2"}) == Words{"a:192.0.2.1"});
  CHECK(split_run_words({"--timeout", "5", "-d", "IMAGE"}).timeout == 5);
}
