// A directory that is removed with its content at the end of a test.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/error.hpp"

namespace weave::test {

struct TempDir {
  std::filesystem::path path;

  TempDir() {
    auto pattern = (std::filesystem::temp_directory_path() / "weave-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw errno_error("cannot make a temporary directory");
    path = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  TempDir(const TempDir&) = delete;

  std::string operator/(const std::string& name) const { return (path / name).string(); }
};

}  // namespace weave::test
