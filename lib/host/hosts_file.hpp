// The container's /etc/hosts for `weave attach --rewrite-hosts` and `weave run`.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "address/ipv4.hpp"

namespace weave::host {

// The text: the container's name for each address, then `names` ("name:address"; entries without a colon are skipped),
// then localhost. `fqdn` may end with a dot; without a domain only the bare name is written. Pure.
std::string container_hosts(const std::vector<Ipv4>& addresses, std::string_view fqdn,
                            const std::vector<std::string>& names = {});

// Writes the file in place, which a running container sees, then makes it a new file, which Docker no
// longer edits. `path` is the container's HostsPath. Throws Error.
void replace_container_hosts(const std::string& path, const std::string& content);

}  // namespace weave::host
