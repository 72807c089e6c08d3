#include "supervise/systemd.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"

namespace weave::supervise {

void notify_systemd(const std::string& state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (*path != '/' && *path != '@')) return;
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string name(path);
  if (!fd || name.size() >= sizeof address.sun_path) return;
  std::copy(name.begin(), name.end(), address.sun_path);
  if (name[0] == '@') address.sun_path[0] = 0;
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  if (::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size) <
      0)
    log::warning("cannot notify systemd: reason={}", errno_text(errno));
}

}  // namespace weave::supervise
