#include "host/netns.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.hpp"

namespace weave::host {
namespace {

UniqueFd open_namespace(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw errno_error("cannot open network namespace " + path);
  return fd;
}

}  // namespace

NetNs::NetNs(UniqueFd fd, const std::string& path) : fd_(std::move(fd)) {
  struct statfs filesystem {};
  struct stat file {};
  if (::fstatfs(fd_.get(), &filesystem) != 0 || ::fstat(fd_.get(), &file) != 0)
    throw errno_error("cannot look at network namespace " + path);
  if (filesystem.f_type != NSFS_MAGIC) throw Error(path + " is not a namespace");
  device_ = file.st_dev;
  inode_ = file.st_ino;
}

NetNs NetNs::current() {
  return open("/proc/thread-self/ns/net");
}
NetNs NetNs::of_pid(pid_t pid) {
  return open(fmt::format("/proc/{}/ns/net", pid));
}
NetNs NetNs::open(const std::string& path) {
  return {open_namespace(path), path};
}

NetNs NetNs::make() {
  return current().run([] {
    if (::unshare(CLONE_NEWNET) != 0) throw errno_error("cannot make a network namespace");
    return current();
  });
}

void NetNs::enter() const {
  if (::setns(fd_.get(), CLONE_NEWNET) != 0) throw errno_error("cannot enter a network namespace");
}

void write_sysctl(const std::string& path, const std::string& value) {
  auto file = "/proc/sys/net/" + path;
  UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) throw errno_error("cannot write " + file);
  if (::write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size()))
    throw errno_error(fmt::format("cannot write {} to {}", value, file));
}

bool try_write_sysctl(const std::string& path, const std::string& value) noexcept {
  try {
    write_sysctl(path, value);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

std::string read_sysctl(const std::string& path) {
  auto value = read_file("/proc/sys/net/" + path);
  while (!value.empty() && value.back() == '\n') value.pop_back();
  return value;
}

}  // namespace weave::host
