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

void write_pid(const UniqueFd& fd, const char* name) {
  auto pid = std::to_string(::getpid());
  if (::ftruncate(fd.get(), 0) != 0 || ::write(fd.get(), pid.data(), pid.size()) < 0)
    log::warning("cannot write a pid: file={} reason={}", path_of(name), errno_text(errno));
}

// Another process holds the lock of this file.
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
  return {AlreadyRunning::What::kRouter, "weave is already running; you can stop it with 'weave stop'.",
          "options and peers of this command were ignored; 'weave connect' adds peers"};
}

UniqueFd lock_host() {
  auto fd = open_lock("lock");
  if (is_held(fd)) throw already_running();
  write_pid(fd, "lock");
  return fd;
}

UniqueFd lock_monitor() {
  auto fd = open_lock("monitor");
  if (is_held(fd)) return {};
  write_pid(fd, "monitor");
  return fd;
}

bool router_runs() {
  return is_held(UniqueFd(::open(path_of("lock").c_str(), O_RDONLY | O_CLOEXEC)));
}

namespace {

// The process that holds a lock.
std::optional<pid_t> holder_of(const char* name) {
  UniqueFd fd(::open(path_of(name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!is_held(fd)) return std::nullopt;
  char text[16];
  auto size = ::read(fd.get(), text, sizeof text);
  pid_t pid = 0;
  if (size <= 0 || std::from_chars(text, text + size, pid).ec != std::errc() || pid <= 1) return std::nullopt;
  return pid;
}

}  // namespace

std::optional<pid_t> running_monitor() {
  return holder_of("monitor");
}

bool kill_weave() {
  // The monitor first: it would start another router, and a router would start another monitor.
  bool killed = false;
  auto monitor = holder_of("monitor"), router = holder_of("lock");
  for (auto pid : {monitor, router}) killed = (pid && ::kill(*pid, SIGSTOP) == 0) || killed;
  for (auto pid : {monitor, router})
    if (pid) ::kill(*pid, SIGKILL);
  return killed;
}

bool weave_runs() {
  return router_runs() || running_monitor();
}

State state_without_listener() {
  bool hidden = false;
  auto held = [&](const char* name) {
    UniqueFd fd(::open(path_of(name).c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd && errno == EACCES) hidden = true;
    return is_held(fd);
  };
  if (held("lock")) return State::kStarting;
  if (held("monitor")) return State::kRestarting;
  return hidden ? State::kUnknown : State::kStopped;
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
