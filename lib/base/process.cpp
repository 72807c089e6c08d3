#include "base/process.hpp"

#include <fcntl.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/error.hpp"
#include "base/fd.hpp"

extern char** environ;

namespace weave {
namespace {

// Moves bytes between the child and us until it has closed both of its outputs.
void exchange(Pipe& in, Pipe& out, Pipe& err, const std::string& input, Finished& finished) {
  size_t sent = 0;
  if (input.empty()) in.write.reset();
  while (out.read || err.read) {
    pollfd fds[3] = {{in.write.get(), POLLOUT, 0}, {out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}};
    if (::poll(fds, 3, -1) < 0) {
      if (errno == EINTR) continue;
      throw errno_error("cannot poll");
    }
    if (fds[0].revents) {
      ssize_t put = ::write(in.write.get(), input.data() + sent, input.size() - sent);
      if (put > 0) sent += static_cast<size_t>(put);
      if (put < 0 || sent == input.size()) in.write.reset();
    }
    auto drain = [](pollfd& fd, UniqueFd& from, std::string& into) {
      if (!fd.revents) return;
      char buffer[4096];
      ssize_t got = ::read(from.get(), buffer, sizeof buffer);
      if (got > 0)
        into.append(buffer, static_cast<size_t>(got));
      else
        from.reset();
    };
    drain(fds[1], out.read, finished.output);
    drain(fds[2], err.read, finished.errors);
  }
}

// posix_spawn with the default signal mask and dispositions, whatever this process has blocked. Returns an errno.
int start(pid_t& pid, const std::string& program, const std::vector<std::string>& arguments,
          const std::vector<std::pair<int, int>>& fds, short flags) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  int beyond = 3;
  for (auto [number, fd] : fds) beyond = std::max(beyond, number + 1);
  // Out of the way first, so that one dup2 can't overwrite the source of the next.
  std::vector<UniqueFd> moved;
  for (auto [number, fd] : fds) {
    moved.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, beyond));
    if (!moved.back()) {
      int code = errno;
      posix_spawn_file_actions_destroy(&actions);
      return code;
    }
    posix_spawn_file_actions_adddup2(&actions, moved.back().get(), number);
  }
  // Whatever else is open here (sockets of libraries aren't close-on-exec) is none of the child's business.
  for (int number = 3; number < beyond; ++number)
    if (std::none_of(fds.begin(), fds.end(), [&](const auto& one) { return one.first == number; }))
      posix_spawn_file_actions_addclose(&actions, number);
  posix_spawn_file_actions_addclosefrom_np(&actions, beyond);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | flags));
  std::vector<char*> argv;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  int failed = posix_spawnp(&pid, program.c_str(), &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return failed;
}

}  // namespace

pid_t spawn(const Spawn& request) {
  pid_t pid = 0;
  int failed = start(pid, request.program, request.arguments, request.fds,
                     static_cast<short>(request.new_session ? POSIX_SPAWN_SETSID : 0));
  if (failed) throw errno_error("cannot start " + request.program, failed);
  return pid;
}

int shell_status(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

Finished run(const std::vector<std::string>& arguments, const std::string& input) {
  Pipe in, out, err;
  ::fcntl(in.write.get(), F_SETFL, O_NONBLOCK);
  pid_t pid = 0;
  int failed =
      start(pid, arguments.at(0), arguments, {{0, in.read.get()}, {1, out.write.get()}, {2, err.write.get()}}, 0);
  Finished finished;
  if (failed == ENOENT) {
    finished.status = 127;
    finished.errors = arguments.at(0) + ": not found";
    return finished;
  }
  if (failed) throw errno_error("cannot start " + arguments.at(0), failed);
  in.read.reset();
  out.write.reset();
  err.write.reset();
  auto* old = std::signal(SIGPIPE, SIG_IGN);
  exchange(in, out, err, input, finished);
  std::signal(SIGPIPE, old);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  finished.status = shell_status(status);
  return finished;
}

std::string run_checked(const std::vector<std::string>& arguments, const std::string& input) {
  Finished finished = run(arguments, input);
  if (finished.status == 0) return finished.output;
  auto reason = finished.errors.empty() ? finished.output : finished.errors;
  while (!reason.empty() && reason.back() == '\n') reason.pop_back();
  throw Error(fmt::format("{} failed ({}): {}", fmt::join(arguments, " "), finished.status, reason));
}

}  // namespace weave
