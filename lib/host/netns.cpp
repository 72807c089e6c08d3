#include "host/netns.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

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

std::vector<NetNs> NetNs::all() {
  std::vector<NetNs> found;
  std::set<uint64_t> seen;
  auto add = [&](const std::string& path) {
    try {
      auto one = open(path);
      if (seen.insert(one.inode_).second) found.push_back(std::move(one));
    } catch (const Error&) {  // it has just gone, or isn't a network namespace
    }
  };
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != name.npos) continue;
    // A link that can't be read or names a known namespace needs no descriptor.
    auto link = std::filesystem::read_symlink(entry.path() / "ns/net", ignored).string();
    uint64_t inode = 0;
    if (sscanf(link.c_str(), "net:[%lu]", &inode) == 1 && !seen.contains(inode)) add(entry.path() / "ns/net");
  }
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string id, parent, device, root, point;
    fields >> id >> parent >> device >> root >> point;
    if (root.starts_with("net:[")) add(point);
  }
  return found;
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
