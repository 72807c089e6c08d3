// The report as a JSON value: private to this room, for the writers that walk it.
#pragma once
#include <nlohmann/json.hpp>

#include "control/report.hpp"

namespace weave::control {

using Json = nlohmann::ordered_json;

// `every_key`: parts that are off and optional strings appear too, as null and "": templates distinguish a part that is
// off from a field that doesn't exist.
Json json_value(const Report& report, bool every_key);

// Text of a value; `indent` -1 is compact. HTML characters are escaped as Go does.
std::string json_text(const Json& value, int indent = -1);

}  // namespace weave::control
