#include "supervise/self.hpp"

#include <fcntl.h>
#include <sodium/randombytes.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/hex.hpp"
#include "base/process.hpp"

namespace weave::supervise {

pid_t spawn_self(const std::string& subcommand, const std::string& config, std::vector<std::pair<int, int>> fds,
                 bool new_session) {
  Pipe pipe;
  // The whole configuration must fit: the child reads it only after this function has returned.
  if (::fcntl(pipe.write.get(), F_SETPIPE_SZ, static_cast<int>(config.size() + 4096)) < 0 && config.size() > 65536)
    throw errno_error("cannot make room for a configuration");
  if (::write(pipe.write.get(), config.data(), config.size()) != static_cast<ssize_t>(config.size()))
    throw errno_error("cannot write a configuration");
  fds.emplace_back(kConfigFd, pipe.read.get());
  return spawn({.program = "/proc/self/exe",
                .arguments = {"weave", subcommand},
                .fds = std::move(fds),
                .new_session = new_session});
}

std::string read_config() {
  UniqueFd from(kConfigFd);
  std::string text;
  char buffer[4096];
  ssize_t got;
  while ((got = ::read(from.get(), buffer, sizeof buffer)) > 0) text.append(buffer, static_cast<size_t>(got));
  if (text.empty()) throw Error("this subcommand is internal: weave starts it itself");
  return text;
}

UniqueFd inherited(int fd) {
  if (::fcntl(fd, F_GETFD) < 0) return {};
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return UniqueFd(fd);
}

std::string new_service_id() {
  std::array<uint8_t, 32> bytes;
  randombytes_buf(bytes.data(), bytes.size());
  return to_hex(bytes);
}

}  // namespace weave::supervise
