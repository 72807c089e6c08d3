// Child processes that we wait for.
#pragma once
#include <string>
#include <vector>

namespace weave {

struct Finished {
  int status = 0;      // exit status; 128 + signal when killed; 127 when the program isn't there
  std::string output;  // stdout
  std::string errors;  // stderr
};

// Runs a program from PATH with `input` on its stdin and waits for it. Throws Error only when no process can be made.
Finished run(const std::vector<std::string>& arguments, const std::string& input = {});

// As run, but throws Error with the program's own words when the status isn't 0; returns stdout.
std::string run_checked(const std::vector<std::string>& arguments, const std::string& input = {});

}  // namespace weave
