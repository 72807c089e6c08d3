#include "base/fd.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"

namespace weave {

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

Pipe::Pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) throw errno_error("cannot make a pipe");
  read.reset(fds[0]);
  write.reset(fds[1]);
}

SocketPair::SocketPair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) throw errno_error("cannot make a socket pair");
  ours.reset(fds[0]);
  theirs.reset(fds[1]);
}

std::string read_file(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw errno_error("cannot open " + path);
  std::string content;
  char buffer[8192];
  for (;;) {
    ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw errno_error("cannot read " + path);
    if (got == 0) return content;
    content.append(buffer, static_cast<size_t>(got));
  }
}

static void write_all(int fd, const std::string& content, const std::string& path) {
  for (size_t done = 0; done < content.size();) {
    ssize_t put = ::write(fd, content.data() + done, content.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw errno_error("cannot write " + path);
    done += static_cast<size_t>(put);
  }
}

void write_file(const std::string& path, const std::string& content, int mode) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!fd) throw errno_error("cannot write " + path);
  write_all(fd.get(), content, path);
}

void replace_file(const std::string& path, const std::string& content, int mode) {
  std::string temporary = path + ".new";
  {
    UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (!fd) throw errno_error("cannot write " + temporary);
    write_all(fd.get(), content, temporary);
    if (::fsync(fd.get()) != 0) throw errno_error("cannot sync " + temporary);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) throw errno_error("cannot rename " + temporary + " to " + path);
}

}  // namespace weave
