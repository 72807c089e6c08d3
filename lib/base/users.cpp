#include "base/users.hpp"

#include <arpa/inet.h>
#include <grp.h>
#include <pwd.h>

#include <fstream>
#include <sstream>

namespace weave {
namespace {

// As /proc/net/tcp writes it: the address's 32-bit words in the machine's order, then the port.
std::string proc_text(int family, const std::string& address, uint16_t port) {
  uint32_t words[4] = {};
  if (inet_pton(family, address.c_str(), words) != 1) return {};
  std::string text;
  for (int i = 0; i < (family == AF_INET ? 1 : 4); ++i) text += fmt::format("{:08X}", words[i]);
  return text + fmt::format(":{:04X}", port);
}

std::optional<uint32_t> find_owner(const char* file, const std::string& wanted) {
  if (wanted.empty()) return std::nullopt;
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::string number, local, remote, state, queues, timer, retransmits, timeout;
    uint32_t user = 0;
    uint64_t inode = 0;
    if (!(fields >> number >> local >> remote >> state >> queues >> timer >> retransmits >> user >> timeout >> inode))
      continue;
    // Without a process the kernel names user 0.
    if (local == wanted && state == "01" && inode != 0) return user;
  }
  return std::nullopt;
}

}  // namespace

std::optional<uint32_t> owner_of_tcp_socket(const std::string& address, uint16_t port) {
  if (address.find(':') != std::string::npos) return find_owner("/proc/net/tcp6", proc_text(AF_INET6, address, port));
  auto owner = find_owner("/proc/net/tcp", proc_text(AF_INET, address, port));
  return owner ? owner : find_owner("/proc/net/tcp6", proc_text(AF_INET6, "::ffff:" + address, port));
}

bool may_change_network(uint32_t user) {
  if (user == 0) return true;
  const group* docker = ::getgrnam("docker");
  if (docker == nullptr) return false;
  auto id = docker->gr_gid;
  std::vector<std::string> members;
  for (char** member = docker->gr_mem; *member != nullptr; ++member) members.emplace_back(*member);
  const passwd* entry = ::getpwuid(user);
  return entry != nullptr && (entry->pw_gid == id || std::ranges::find(members, entry->pw_name) != members.end());
}

}  // namespace weave
