#pragma once

namespace weave::router {

// The store's table of the router: peer name, short ID, settings of the last launch, plugin, targets.
inline constexpr const char* kRouterTable = "router";

}  // namespace weave::router
