// Child processes.
#pragma once
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace weave {

// The exit status that a shell shows for a status of waitpid(): that of the program, or 128 + the number of the signal
// that ended it.
int shell_status(int wait_status);

struct Finished {
  int status = 0;      // exit status; 128 + signal when killed; 127 when the program isn't there
  std::string output;  // stdout
  std::string errors;  // stderr
};

// Runs a program from PATH with `input` on its stdin and waits for it. Throws Error only when no process can be made.
Finished run(const std::vector<std::string>& arguments, const std::string& input = {});

// As run, but throws Error with the program's own words when the status isn't 0; returns stdout.
std::string run_checked(const std::vector<std::string>& arguments, const std::string& input = {});

struct Spawn {
  std::string program;                   // a path, or a name to be found in PATH
  std::vector<std::string> arguments;    // argv, with argv[0]
  std::vector<std::pair<int, int>> fds;  // {number in the child, our descriptor}; all others from 3 on are closed
  bool new_session = false;              // a daemon of its own, without our terminal
};

// Starts a program and returns its pid; the caller waits for it. Signal mask and dispositions are the default. Throws
// Error.
pid_t spawn(const Spawn& request);

}  // namespace weave
