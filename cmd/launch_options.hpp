// The options of `weave launch` and `launch-router`: those of the table in lib/settings.
#pragma once
#include "command.hpp"
#include "settings/read.hpp"

namespace weave::cmd {

// Adds the options, old spellings, refusals, and what help says about all of them, to a command; `given` must outlive
// it.
void declare_launch_options(Command& command, settings::Given& given);

// The options over the environment over `base` (the defaults, or the settings of the last launch), with the password
// read from its file. Warnings go to `warnings`. Throws UsageError for words that make no sense, Error for values that
// cannot be used.
settings::Settings launch_settings(const settings::Given& given, Words& warnings, settings::Settings base = {});

}  // namespace weave::cmd
