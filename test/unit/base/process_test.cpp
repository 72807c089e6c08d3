#include "base/process.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <sys/resource.h>

#include <catch2/catch.hpp>

#include "base/fd.hpp"

#include "base/error.hpp"

using namespace weave;

TEST_CASE("run passes input, output, errors and status of a child") {
  auto finished = run({"sh", "-c", "cat; echo bad >&2; exit 3"}, std::string(200000, 'x'));
  CHECK(finished.status == 3);
  CHECK(finished.output.size() == 200000);
  CHECK(finished.errors == "bad\n");
}

TEST_CASE("a missing program gives status 127") {
  CHECK(run({"no-such-program-here"}).status == 127);
}

TEST_CASE("a killed child gives status 128 + signal") {
  CHECK(run({"sh", "-c", "kill -9 $$"}).status == 137);
}

TEST_CASE("run_checked throws the program's own message") {
  REQUIRE_THROWS_WITH(run_checked({"sh", "-c", "echo no such thing >&2; exit 2"}), Catch::Contains("no such thing"));
}

TEST_CASE("a child gets the descriptors that it is given and no other, close-on-exec or not") {
  Pipe given;
  int leaky = ::dup(given.read.get());  // without FD_CLOEXEC
  Pipe out;
  pid_t pid = spawn({.program = "sh",
                     .arguments = {"sh", "-c", "cd /proc/self/fd && echo * >&1"},
                     .fds = {{1, out.write.get()}, {5, given.read.get()}}});
  out.write.reset();
  std::string listed(256, 0);
  listed.resize(static_cast<size_t>(std::max<ssize_t>(0, ::read(out.read.get(), listed.data(), listed.size()))));
  int status = 0;
  ::waitpid(pid, &status, 0);
  ::close(leaky);
  // 3 is the directory that the shell reads.
  CHECK_THAT(listed, Catch::Equals("0 1 2 3 5\n") || Catch::Equals("0 1 2 5\n"));
}

TEST_CASE("a program is started with few descriptors left") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit few{64, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  auto finished = run({"cat"}, "text");
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(finished.status == 0);
  CHECK(finished.output == "text");
}
