// Network namespaces: a handle, and work done inside one.
#pragma once
#include <sys/types.h>

#include <exception>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "base/fd.hpp"

namespace weave::host {

// An open network namespace; it lives at least as long as the handle. Two handles of one namespace compare equal.
class NetNs {
 public:
  // The namespace of the calling thread.
  static NetNs current();
  // The namespace of a process; throws Error when it is gone.
  static NetNs of_pid(pid_t pid);
  // A namespace file such as Docker's SandboxKey; throws Error when it can't be opened or is something else.
  static NetNs open(const std::string& path);
  // A new, empty namespace, which has no other user.
  static NetNs make();

  // All that can be found: those of processes and those that are mounted anywhere (Docker's, `ip netns`), each once. A
  // namespace without process and mount, which only an open descriptor keeps, is not among them.
  static std::vector<NetNs> all();

  int fd() const { return fd_.get(); }
  // Tells namespaces apart while they exist.
  uint64_t inode() const { return inode_; }
  bool operator==(const NetNs& other) const { return device_ == other.device_ && inode_ == other.inode_; }

  // Runs `work` inside on a thread of its own and returns its value; what it throws is thrown here. Child processes,
  // sockets and /proc/sys/net accesses of `work` belong to the namespace (/proc/net and /sys/class/net don't).
  template <class Work>
  std::invoke_result_t<Work> run(Work&& work) const {
    using Value = std::invoke_result_t<Work>;
    std::exception_ptr failure;
    auto guarded = [&](auto&& body) {
      std::thread([&] {
        try {
          enter();
          body();
        } catch (...) {
          failure = std::current_exception();
        }
      }).join();
      if (failure) std::rethrow_exception(failure);
    };
    if constexpr (std::is_void_v<Value>) {
      guarded([&] { work(); });
    } else {
      std::optional<Value> value;
      guarded([&] { value.emplace(work()); });
      return std::move(*value);
    }
  }

 private:
  NetNs(UniqueFd fd, const std::string& path);
  void enter() const;

  UniqueFd fd_;
  uint64_t device_ = 0, inode_ = 0;
};

// Writes `net/<path>` under /proc/sys in the calling thread's namespace. Throws Error.
void write_sysctl(const std::string& path, const std::string& value);
// As write_sysctl; false when the setting doesn't exist or can't be written (IPv6 off, /proc read-only).
bool try_write_sysctl(const std::string& path, const std::string& value) noexcept;
// The value without the newline; throws Error.
std::string read_sysctl(const std::string& path);

}  // namespace weave::host
