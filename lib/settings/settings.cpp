#include "settings/settings.hpp"

#include <nlohmann/json.hpp>

#include "settings/table.hpp"

namespace weave::settings {

using Json = nlohmann::json;

void check(const Settings& settings) {
  if (!settings.peers.empty() && settings.resume)
    throw Error("You must not specify an initial peer list in conjunction with --resume");
  if (!settings.range && settings.default_subnet)
    throw Error("--ipalloc-default-subnet specified without --ipalloc-range.");
  if (!settings.range && settings.ipam_init) throw Error("--ipalloc-init specified without --ipalloc-range.");
  if (settings.default_subnet && !settings.default_subnet->overlaps(*settings.range))
    throw Error(fmt::format("IP address allocation default subnet {} does not overlap with allocation range {}",
                            settings.default_subnet->str(), settings.range->str()));
  if (settings.plugin && !settings.docker)
    throw Error("the plugin needs Docker", "leave --docker-api out, or use --plugin=false");
}

std::string to_json(const Settings& settings, bool secrets) {
  Json json;
  for (const auto& row : table())
    if (!row.field.key.empty() && (secrets || !row.secret)) json[row.field.key] = row.field.store(settings);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Settings from_json(std::string_view text) {
  Settings settings;
  try {
    auto json = Json::parse(text);
    if (!json.is_object()) throw Error("not an object");
    for (const auto& row : table())
      if (!row.field.key.empty() && json.contains(row.field.key))
        row.field.load(settings, row.names.empty() ? row.field.key : row.name(), json.at(row.field.key));
  } catch (const Json::exception& error) {
    throw Error(std::string("cannot read the options of the launch: ") + error.what());
  } catch (const Error& error) {
    throw Error::because("cannot read the options of the launch", error);
  }
  return settings;
}

}  // namespace weave::settings
