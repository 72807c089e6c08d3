#include "host/hosts_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/fd.hpp"
#include "unit/temp_dir.hpp"
#include "unit/vectors.hpp"

using namespace weave;
using namespace weave::host;

TEST_CASE("a container's hosts file equals that of Weave Net") {
  auto vectors = test::vectors("host/host-files.json");
  for (const auto& example : vectors.at("etc_hosts")) {
    std::vector<Ipv4> addresses;
    for (const auto& text : example.at("addresses"))
      addresses.push_back(Cidr::parse(text.get<std::string>()).value().address);
    std::vector<std::string> names;
    if (!example.at("add_host").is_null()) names = example.at("add_host").get<std::vector<std::string>>();
    CHECK(container_hosts(addresses, example.at("fqdn").get<std::string>(), names) ==
          example.at("file").get<std::string>());
  }
}

TEST_CASE("the container sees the new hosts file, which is another file than Docker's") {
  test::TempDir directory;
  auto path = directory / "hosts";
  write_file(path, "old and much longer than what comes after it\n");
  UniqueFd mounted(::open(path.c_str(), O_RDONLY));
  replace_container_hosts(path, "new\n");
  char buffer[100];
  auto size = ::read(mounted.get(), buffer, sizeof buffer);
  REQUIRE(size >= 0);
  CHECK(std::string(buffer, static_cast<size_t>(size)) == "new\n");
  CHECK(read_file(path) == "new\n");
  struct stat before {
  }, after{};
  REQUIRE(::fstat(mounted.get(), &before) == 0);
  REQUIRE(::stat(path.c_str(), &after) == 0);
  CHECK(before.st_ino != after.st_ino);
}
