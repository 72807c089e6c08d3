#include "supervise/ready.hpp"

#include <unistd.h>
#include <catch2/catch.hpp>

using namespace weave;
using namespace weave::supervise;

namespace {

// What a reader gets that waits for end-of-file.
template <class Report>
std::string received(Report report) {
  Pipe pipe;
  report(pipe.write);
  std::string text;
  char buffer[256];
  for (ssize_t got; (got = ::read(pipe.read.get(), buffer, sizeof buffer)) > 0;) text.append(buffer, got);
  return text;
}

}  // namespace

TEST_CASE("readiness arrives with its text") {
  CHECK(parse_ready("router", received([](UniqueFd& pipe) { report_ready(pipe); })) == "");
  CHECK(parse_ready("router", received([](UniqueFd& pipe) { report_ready(pipe, "one\ntwo\n"); })) == "one\ntwo\n");
}

TEST_CASE("a failure arrives with message and hint") {
  auto text = received([](UniqueFd& pipe) { report_failure(pipe, Error("two\nlines", "a hint")); });
  try {
    parse_ready("router", text);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.what() == std::string("two\nlines"));
    CHECK(error.hint() == "a hint");
  }
}

TEST_CASE("a process that ends without a report is named in the error") {
  CHECK_THROWS_WITH(parse_ready("DNS server", ""), "the DNS server ended before it was ready");
}

TEST_CASE("a report without a reader's pipe does nothing") {
  UniqueFd none;
  report_ready(none);
  report_failure(none, "message");
  CHECK_FALSE(none);
}
