// Processes of this same binary: how one starts another, and what a started one finds in its hands.
//
//   descriptor 3   a pipe with the configuration (JSON; may hold secrets, so it is never on a command line)
//   descriptor 4   a pipe for the ready protocol (ready.hpp)
//   descriptor 5   one end of a socket pair with the parent: end-of-file says that the other side has died. The DNS
//   server
//                  receives its names over it
#pragma once
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"

namespace weave::supervise {

inline constexpr int kConfigFd = 3;
inline constexpr int kReadyFd = 4;
inline constexpr int kLifeFd = 5;

// Starts a hidden subcommand of this program. `config` arrives on kConfigFd; `fds` are pairs {number in the child, our
// descriptor}. `new_session`: a daemon of its own. Returns the pid; throws Error.
pid_t spawn_self(const std::string& subcommand, const std::string& config, std::vector<std::pair<int, int>> fds,
                 bool new_session = false);

// In the child: the configuration. Throws Error when there is none, as when a person starts a hidden subcommand.
std::string read_config();
// In the child: takes over a descriptor of the table above; empty when the parent passed none.
UniqueFd inherited(int fd);

// 32 random bytes as 64 hex digits: the id that `weave launch` and `weave launch-plugin` print.
std::string new_service_id();

}  // namespace weave::supervise
