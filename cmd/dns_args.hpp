#pragma once
#include "command.hpp"

namespace weave::cmd {

// What `docker run` must be told so that a container uses our DNS server. `arguments` are those that it gets anyway: a
// host name or search domain among them changes what is needed. Empty with --without-dns. A name that is too long for a
// host name is left alone and adds a warning.
Words dns_arguments(const std::string& server, const std::string& domain, const Words& arguments, Words& warnings);

// The same with the server and domain of the running router. Without a router: what Docker's bridge and the default
// domain suggest, and a warning. Empty when DNS is off.
Words dns_arguments_now(const Words& arguments, Words& warnings);

}  // namespace weave::cmd
