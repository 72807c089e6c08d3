// The JSON values that templates run over, and their text.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace weave::gotemplate {

// Keys keep their order.
using Json = nlohmann::ordered_json;

// Text of a value; `indent` -1 is compact. HTML characters are escaped as Go does.
std::string json_text(const Json& value, int indent = -1);

}  // namespace weave::gotemplate
