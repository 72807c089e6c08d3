#include "host/hosts_file.hpp"

#include <unistd.h>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace weave::host {

std::string container_hosts(const std::vector<Ipv4>& addresses, std::string_view fqdn,
                            const std::vector<std::string>& names) {
  if (fqdn.ends_with('.')) fqdn.remove_suffix(1);
  auto hostname = fqdn.substr(0, fqdn.find('.'));
  auto words = hostname == fqdn ? std::string(fqdn) : fmt::format("{} {}", fqdn, hostname);
  std::string text = "# created by Weave - BEGIN\n# container hostname\n";
  for (const auto& address : addresses) text += fmt::format("{:<15} {}\n", address.str(), words);
  text += "\n# static names added with --add-host\n";
  for (const auto& entry : names)
    if (auto colon = entry.find(':'); colon != std::string::npos)
      text += fmt::format("{:<15} {}\n", entry.substr(colon + 1), entry.substr(0, colon));
  text +=
      "\n# default localhost entries\n"
      "127.0.0.1       localhost\n"
      "::1             ip6-localhost ip6-loopback\n"
      "fe00::0         ip6-localnet\n"
      "ff00::0         ip6-mcastprefix\n"
      "ff02::1         ip6-allnodes\n"
      "ff02::2         ip6-allrouters\n"
      "# created by Weave - END\n";
  return text;
}

void replace_container_hosts(const std::string& path, const std::string& content) {
  write_file(path, content);
  if (::unlink(path.c_str()) != 0) throw errno_error("cannot replace " + path);
  write_file(path, content);
}

}  // namespace weave::host
