#include <sys/prctl.h>

#include "command.hpp"

int main(int argc, char** argv) {
  // Our processes start one another by /proc/self/exe, and would all be called "exe".
  prctl(PR_SET_NAME, "weave");
  weave::cmd::Words words(argv + std::min(argc, 1), argv + argc);
  weave::cmd::scrub_passwords(argc, argv);
  return weave::cmd::run_command_line(std::move(words));
}
