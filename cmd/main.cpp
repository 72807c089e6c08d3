#include <sys/prctl.h>

#include <cstdlib>
#include <string>

#include "command.hpp"

namespace {

// Helper programs (iptables) are in folders that root's PATH lacks in cron jobs and after `su`.
void complete_path() {
  const char* path = std::getenv("PATH");
  std::string folders = path != nullptr && *path != '\0' ? std::string(path) + ":" : "/usr/bin:/bin:";
  ::setenv("PATH", (folders + "/usr/local/sbin:/usr/sbin:/sbin").c_str(), 1);
}

}  // namespace

int main(int argc, char** argv) {
  // Our processes start one another by /proc/self/exe, and would all be called "exe".
  prctl(PR_SET_NAME, "weave");
  complete_path();
  weave::cmd::Words words(argv + std::min(argc, 1), argv + argc);
  weave::cmd::scrub_passwords(argc, argv);
  return weave::cmd::run_command_line(std::move(words));
}
