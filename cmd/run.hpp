#pragma once
#include "addresses.hpp"

namespace weave::cmd {

// What `weave run` takes for itself, from the front of its words, and what is left for `docker run`.
struct RunWords {
  bool without_dns = false, no_rewrite_hosts = false, no_multicast_route = false;
  int timeout = 0;
  std::vector<AddressWord> addresses;
  Words docker;
};
RunWords split_run_words(const Words& words);

// The --add-host values among arguments of `docker run`.
Words added_hosts(const Words& docker_arguments);

}  // namespace weave::cmd
