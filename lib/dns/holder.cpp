// Who holds a port: /proc/net says which socket (inode), /proc/<pid>/fd says which process has it.
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "dns/server.hpp"

namespace weave::dns {

namespace {

namespace fs = std::filesystem;

std::set<std::string> sockets_on(uint16_t port, bool tcp) {
  std::set<std::string> links;
  for (auto path : {tcp ? "/proc/net/tcp" : "/proc/net/udp", tcp ? "/proc/net/tcp6" : "/proc/net/udp6"}) {
    std::ifstream in(path);
    std::string line;
    std::getline(in, line);
    while (std::getline(in, line)) {
      // sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode
      std::istringstream fields(line);
      std::string slot, local, remote, state, queues, timer, retransmit, uid, timeout, inode;
      fields >> slot >> local >> remote >> state >> queues >> timer >> retransmit >> uid >> timeout >> inode;
      auto colon = local.rfind(':');
      if (!fields || colon == local.npos || (tcp && state != "0A")) continue;
      unsigned value = 0;
      std::from_chars(local.data() + colon + 1, local.data() + local.size(), value, 16);
      if (value == port && inode != "0") links.insert("socket:[" + inode + "]");
    }
  }
  return links;
}

}  // namespace

std::string port_holder(uint16_t port, bool tcp) {
  auto wanted = sockets_on(port, tcp);
  std::string holders;
  std::error_code ignored;
  if (wanted.empty()) return holders;
  for (const auto& process : fs::directory_iterator("/proc", ignored)) {
    auto pid = process.path().filename().string();
    if (pid.find_first_not_of("0123456789") != pid.npos) continue;
    for (fs::directory_iterator fd(process.path() / "fd", ignored), end; !ignored && fd != end; fd.increment(ignored)) {
      std::error_code gone;
      if (!wanted.contains(fs::read_symlink(fd->path(), gone).string())) continue;
      std::string name;
      std::getline(std::ifstream(process.path() / "comm"), name);
      holders += (holders.empty() ? "" : ", ") + name + " (pid " + pid + ")";
      break;
    }
    ignored.clear();
  }
  return holders;
}

}  // namespace weave::dns
