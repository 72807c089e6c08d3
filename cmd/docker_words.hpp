// The words of `docker run`.
#pragma once
#include "command.hpp"

namespace weave::cmd {

// The options, as far as the image: what follows it is the container's own command line.
Words docker_options(const Words& words);

}  // namespace weave::cmd
