#include "supervise/lock.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <filesystem>
#include <thread>

#include "base/log.hpp"

namespace weave::supervise {
namespace {

constexpr int kMode = 0660;

std::string path_of(const char* name) {
  return std::string(kRunDirectory) + "/" + name;
}

UniqueFd open_lock(const char* name) {
  std::error_code code;
  std::filesystem::create_directories(kRunDirectory, code);
  if (code) throw errno_error(std::string("cannot make ") + kRunDirectory, code.value());
  auto path = path_of(name);
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode));
  if (!fd) throw errno_error("cannot open " + path);
  if (::fchmod(fd.get(), kMode) == 0) give_to_docker_group(path);
  return fd;
}

// Somebody else holds the lock of this file.
bool is_held(const UniqueFd& fd) {
  return fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace

void give_to_docker_group(const std::string& path) {
  if (const group* docker = ::getgrnam("docker"))
    if (::chown(path.c_str(), 0, docker->gr_gid) != 0)
      log::warning("cannot give a file to the group docker: file={} reason={}", path, errno_text(errno));
}

AlreadyRunning already_running() {
  return {AlreadyRunning::What::kRouter, "weave is already running; you can stop it with 'weave stop'."};
}

UniqueFd lock_host() {
  auto fd = open_lock("lock");
  if (is_held(fd)) throw already_running();
  return fd;
}

UniqueFd lock_monitor() {
  auto fd = open_lock("monitor");
  if (is_held(fd)) return {};
  auto pid = std::to_string(::getpid());
  if (::ftruncate(fd.get(), 0) != 0 || ::write(fd.get(), pid.data(), pid.size()) < 0)
    log::warning("cannot write the monitor's pid: file={} reason={}", path_of("monitor"), errno_text(errno));
  return fd;
}

bool router_runs() {
  return is_held(UniqueFd(::open(path_of("lock").c_str(), O_RDONLY | O_CLOEXEC)));
}

std::optional<pid_t> running_monitor() {
  UniqueFd fd(::open(path_of("monitor").c_str(), O_RDONLY | O_CLOEXEC));
  if (!is_held(fd)) return std::nullopt;
  char text[16];
  auto size = ::read(fd.get(), text, sizeof text);
  pid_t pid = 0;
  if (size <= 0 || std::from_chars(text, text + size, pid).ec != std::errc() || pid <= 1) return std::nullopt;
  return pid;
}

bool weave_runs() {
  return router_runs() || running_monitor();
}

bool stop_monitor() {
  auto pid = running_monitor();
  return pid && ::kill(*pid, SIGTERM) == 0;
}

bool wait_until_stopped(std::chrono::milliseconds limit, const std::function<void()>& meanwhile) {
  using Clock = std::chrono::steady_clock;
  for (auto end = Clock::now() + limit; Clock::now() < end;) {
    if (!weave_runs()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (meanwhile) meanwhile();
  }
  return false;
}

}  // namespace weave::supervise
