#include "command.hpp"

int main(int argc, char** argv) {
  weave::cmd::Words words(argv + std::min(argc, 1), argv + argc);
  weave::cmd::scrub_passwords(argc, argv);
  return weave::cmd::run_command_line(std::move(words));
}
