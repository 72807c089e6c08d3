#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <thread>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "unit/temp_dir.hpp"

using namespace weave;

TEST_CASE("a log file that was renamed is opened anew") {
  test::TempDir directory;
  auto path = directory / "weave.log";
  UniqueFd before(::dup(STDERR_FILENO)), file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0640));
  ::dup2(file.get(), STDERR_FILENO);
  log::follow_rotation(path);
  log::info("first line");
  std::filesystem::rename(path, path + ".1");
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // it looks once a second
  log::info("second line");
  ::dup2(before.get(), STDERR_FILENO);
  CHECK(read_file(path + ".1").find("first line") != std::string::npos);
  CHECK(read_file(path + ".1").find("second line") == std::string::npos);
  CHECK(read_file(path).find("second line") != std::string::npos);
}

TEST_CASE("a line that repeats is written once, and its repetitions are counted") {
  test::TempDir directory;
  auto path = directory / "weave.log";
  UniqueFd before(::dup(STDERR_FILENO)), file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0640));
  ::dup2(file.get(), STDERR_FILENO);
  for (int i = 0; i < 4; ++i) log::info("the same");
  log::info("another");
  ::dup2(before.get(), STDERR_FILENO);
  auto text = read_file(path);
  CHECK(text.find("the same\n") == text.rfind("the same\n"));
  CHECK(text.find("info the previous line was repeated: times=3\n") < text.find("info another\n"));
}
