#include "router/last_launch.hpp"

#include <filesystem>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "router/store_table.hpp"
#include "supervise/lock.hpp"

namespace weave::router {

using settings::Settings;

namespace {

constexpr const char* kSettingsKey = "settings";

std::string pointer_path() {
  return std::string(supervise::kRunDirectory) + "/state-dir";
}

}  // namespace

void store_launch(Store& store, const Settings& settings) {
  auto json = settings::to_json(settings, false);
  if (store.get(kRouterTable, kSettingsKey) != json) store.put(kRouterTable, kSettingsKey, json);
  replace_file(pointer_path(), settings.state_dir + "\n");
}

std::string last_state_dir() {
  try {
    auto text = read_file(pointer_path());
    while (text.ends_with('\n')) text.pop_back();
    if (text.starts_with('/')) return text;
  } catch (const Error&) {  // no launch since the last boot
  }
  return Settings().state_dir;
}

std::optional<Settings> last_launch(const std::string& state_dir) {
  auto path = state_dir + "/weave.db";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  try {
    Store store(path);
    if (auto json = store.get(kRouterTable, kSettingsKey)) return settings::from_json(*json);
    // A version before settings were stored has left the name of its bridge.
    if (auto bridge = store.get(kRouterTable, "bridge")) {
      Settings settings;
      settings.bridge = *bridge;
      settings.state_dir = state_dir;
      return settings;
    }
  } catch (const Error& error) {
    log::warning("cannot read the settings of the last launch: file={} reason={}", path, error.what());
  }
  return std::nullopt;
}

Settings last_launch_or_defaults(const std::string& state_dir) {
  if (auto stored = last_launch(state_dir)) return *stored;
  Settings settings;
  settings.state_dir = state_dir;
  return settings;
}

}  // namespace weave::router
