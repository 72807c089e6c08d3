// What the counters of the programs mean: enum fastdp_counter in bpf/fastdp.h.
#pragma once
#include <optional>
#include <string_view>

#include "overlay/drop.hpp"

namespace weave::overlay {

// The reason that a counter stands for; nothing: its frames were not dropped. `counter` < FASTDP_COUNTERS.
std::optional<Drop> drop_of(size_t counter);
// The name of a counter; for drops, of the reason.
std::string_view counter_name(size_t counter);

}  // namespace weave::overlay
