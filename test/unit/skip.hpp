// A test that cannot run on this machine says so.
#pragma once
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

namespace weave::test {

// Reports that the current test is skipped, and why: on standard output, and as a line of the file that WEAVE_SKIPS
// names, which test/all shows at its end. The test returns afterwards.
inline void skip(const std::string& reason) {
  auto line = "skipped: " + Catch::getResultCapture().getCurrentTestName() + ": " + reason + "\n";
  std::cout << line;
  if (const char* file = std::getenv("WEAVE_SKIPS")) std::ofstream(file, std::ios::app) << line;
}

}  // namespace weave::test
